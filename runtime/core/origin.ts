import { isSaneInstant } from '../instant.ts'

const controls = /\p{Cc}/u
const longest = 1024

/**
 * Whether a text has no control characters and no half of a surrogate pair: SQLite would store the latter as another
 * character, and make one of two ids.
 * @see CloudEvents 1.0, "Type System", String
 */
export function isPlain(text: string): boolean {
  return !controls.test(text) && text.isWellFormed()
}

/** Whether a text can be an attribute of an event. */
export function isAttribute(text: string): boolean {
  return text.length > 0 && text.length <= longest && isPlain(text)
}

/** What a sender says of its event. */
export interface Claims {
  id?: string | undefined
  source?: string | undefined
  subject?: string | undefined
  time?: string | undefined
}

/** What is wrong with what a sender says of its event. */
export function flawOf(claims: Claims): { path: [keyof Claims]; message: string } | undefined {
  for (const name of ['id', 'source', 'subject'] as const) {
    const text = claims[name]
    if (text !== undefined && !isAttribute(text))
      return { path: [name], message: `1 to ${longest} characters, ${plainRule}` }
  }
  if (claims.time !== undefined && !isSaneInstant(claims.time)) return { path: ['time'], message: timeRule }
  return undefined
}

/** What is expected of an attribute, and of a time. */
export const plainRule = 'no control characters, no half of a surrogate pair'
export const timeRule = 'an instant from 1970 to 9999 in UTC'

/** Whether a CloudEvents `source` is one of those that hdsync gives to its own events. */
export function isOurs(source: string): boolean {
  return source === '/hdsync' || source.startsWith('/hdsync/')
}

/** Whether it is the `source` of a command, which hands its event to the daemon over the socket. */
export function isCommand(source: string): boolean {
  return /^\/hdsync\/[^/]+\/cli$/.test(source)
}
