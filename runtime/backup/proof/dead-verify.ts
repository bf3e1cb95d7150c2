import type { DeadLetter } from '../../core/bus/journal.ts'

/**
 * What to type where a step of a verification was given up.
 * @returns undefined for a dead letter that is no step of one.
 */
export function adviceForVerify({ event }: Pick<DeadLetter, 'event'>): string | undefined {
  const isStep = event.type.startsWith('verify.') && !/\.(?:finished|failed)$/.test(event.type)
  return isStep ? 'hdsync verify goes on where it was' : undefined
}
