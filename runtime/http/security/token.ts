import { timingSafeEqual } from 'node:crypto'
import { Problem } from '../problem.ts'

/**
 * Makes the check of the bearer token. It is compared in constant time, so that its beginning cannot be guessed from
 * how long the answer takes; how long it is may be known.
 */
export function tokenCheck(token: string): (authorization: string | undefined) => void {
  const expected = Buffer.from(token)
  return (authorization) => {
    const [, text] = /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization ?? '') ?? []
    const given = Buffer.from(text ?? '')
    const alike = timingSafeEqual(
      given.length === expected.length ? given : Buffer.alloc(expected.length),
      expected,
    )
    if (alike) return
    const detail =
      text === undefined ? 'send `Authorization: Bearer TOKEN`' : 'this is not the token of this hdsync'
    throw new Problem('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer realm="hdsync"' } })
  }
}
