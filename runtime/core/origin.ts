import { isSaneInstant } from '../instant.ts'

const controls = /\p{Cc}/u
const longest = 1024

/**
 * Whether a text is of proper characters, none of which controls a terminal. Half a surrogate pair would become another
 * character in the store, and two ids one.
 * @see CloudEvents 1.0, "Type System", String
 */
export function isPlain(text: string): boolean {
  return !controls.test(text) && text.isWellFormed()
}

/** Whether a text can be an attribute of an event. */
export function isAttribute(text: string): boolean {
  return text.length > 0 && text.length <= longest && isPlain(text)
}

/** What somebody outside says of an event of theirs. */
export interface Claims {
  id?: string | undefined
  source?: string | undefined
  subject?: string | undefined
  time?: string | undefined
}

/** What is wrong with what somebody says of an event of theirs. */
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

/** Whether it is that of a command on some host: commands hand events to the daemon over its socket. */
export function isCommand(source: string): boolean {
  return /^\/hdsync\/[^/]+\/cli$/.test(source)
}
