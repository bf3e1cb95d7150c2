import { UsageError } from '../errors.ts'
import { parseDuration } from '../units.ts'

/**
 * The moment that `--since` means: so long ago (`2h`), or a day or time of the clock of this machine.
 * @throws {UsageError} It means none.
 */
export function momentOf(text: string, now: number): number {
  const agoMs = parseDuration(text)
  if (agoMs !== undefined) return now - agoMs
  // A day alone would be taken as one in Greenwich.
  const moment = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text)
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(moment)) return moment
  throw new UsageError(`${JSON.stringify(text)} is neither a duration nor a day or time`, {
    hint: 'write it as 2h, 3d, 2026-11-22 or "2026-11-22 01:30"',
  })
}
