import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { sessionMs } from './sessions.ts'

/**
 * The name of the cookie: of its own for each store, as cookies are shared by all ports of a host, and several servers may be
 * reached over tunnels that begin at one.
 */
export function cookieName(state: string): string {
  const digest = createHash('sha256').update(`${hostname()}\0${state}`).digest('hex')
  return `hdsync-${digest.slice(0, 8)}`
}

/** What a request brings of it. @param header Of `Cookie`. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2)
    if (key === name) return value
  }
  return undefined
}

/** The value of `Set-Cookie`. @param secret Empty to have the browser forget it. */
export function setCookie(
  name: string,
  secret: string,
  { path, secure }: { path: string; secure: boolean },
): string {
  const age = secret === '' ? 0 : sessionMs / 1000
  const flags = `Path=${path}; Max-Age=${age}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`
  return `${name}=${secret}; ${flags}`
}
