import type { DeadLetter } from '../../core/bus/journal.ts'

/** What a dead letter is a step of, and how that goes on. */
export interface Paused {
  what: string
  hint: string
}

/**
 * What goes on by itself where a step of it was given up: a verification, or copies.
 * @returns undefined for a dead letter that is no step of one.
 */
export function pausedBy({ event: { type } }: Pick<DeadLetter, 'event'>): Paused | undefined {
  if (/\.(?:finished|failed|overdue|proved|kept)$/.test(type)) return undefined
  if (type.startsWith('verify.'))
    return { what: 'a verification', hint: 'hdsync verify goes on where it was' }
  if (type.startsWith('copy.')) return { what: 'copies', hint: 'hdsync copy goes on where they were' }
  return undefined
}
