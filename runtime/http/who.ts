import { tokenCheck } from './security/token.ts'
import { cookieName, readCookie } from './session/cookie.ts'
import type { Right, Session, Sessions } from './session/sessions.ts'

/** Who asks, and what they may do. */
export interface Who {
  /** For the record: `session` and its id, `token` or `read token`. */
  name: string
  right: Right
  session?: Session
}

/** What tells who asks. */
export interface Identifying {
  sessions: Sessions
  state: string
  tokens: { act: string | undefined; read: string | undefined }
}

/**
 * Makes what tells who asks, by the token or the cookie of a session.
 * @returns undefined where a request brings neither.
 * @throws {Problem} It brings a token that is none of ours.
 */
export function identify({ sessions, state, tokens }: Identifying) {
  const checkToken = tokenCheck(tokens)
  const name = cookieName(state)
  return (header: (name: string) => string | undefined): Who | undefined => {
    const authorization = header('authorization')
    if (authorization !== undefined) {
      const right = checkToken(authorization)
      return { name: right === 'act' ? 'token' : 'read token', right }
    }
    const secret = readCookie(header('cookie'), name)
    const session = secret === undefined ? undefined : sessions.find(secret)
    return session && whoIn(session)
  }
}

/** Who asks in a session. */
export function whoIn(session: Session): Who {
  return { name: `session ${session.id}`, right: session.right, session }
}
