import { createHash, timingSafeEqual } from 'node:crypto'
import { Problem } from '../problem.ts'

/**
 * Makes the check of the bearer token. Digests are compared, in constant time, so that neither the beginning of
 * the token nor its length can be guessed from how long the answer takes.
 */
export function tokenCheck(token: string): (authorization: string | undefined) => void {
  const expected = digest(token)
  return (authorization) => {
    const [, given] = /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization ?? '') ?? []
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return
    const detail =
      given === undefined ? 'send `Authorization: Bearer TOKEN`' : 'this is not the token of this hdsync'
    throw new Problem('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer realm="hdsync"' } })
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
