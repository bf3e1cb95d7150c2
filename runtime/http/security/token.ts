import { createHash, timingSafeEqual } from 'node:crypto'
import { Problem } from '../problem.ts'
import type { Right } from '../session/sessions.ts'

/** The tokens of the config: one that may do everything, one that may only look. */
export interface Tokens {
  act: string | undefined
  read: string | undefined
}

/** @throws {Problem} It brings no token of ours. */
export function tokenCheck(tokens: Tokens): (authorization: string | undefined) => Right {
  return (authorization) => {
    const [, text] = /^Bearer +([\w.~+/=-]+) *$/i.exec(authorization ?? '') ?? []
    const right = text === undefined ? undefined : rightOf(text, tokens)
    if (right) return right
    const detail =
      text === undefined ? 'send `Authorization: Bearer TOKEN`' : 'this is not the token of this hdsync'
    throw new Problem('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer realm="hdsync"' } })
  }
}

/** What somebody may do who brings this token; undefined where it is none of ours. */
export function rightOf(token: string, { act, read }: Tokens): Right | undefined {
  const [isAct, isRead] = [isSame(token, act), isSame(token, read)]
  return isAct ? 'act' : isRead ? 'read' : undefined
}

/** In a time that tells nothing about how much of it is right: digests are compared, which are of one length. */
export function isSame(given: string, expected: string | undefined): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected ?? '')) && expected !== undefined
}
