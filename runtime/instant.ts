/** Instants that can be written with a year of four digits. */
const firstMs = Date.parse('0001-01-01T00:00:00.000Z')
const lastMs = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * An instant as ISO 8601 in UTC, as every schema of ours takes it. One that cannot be written so is moved to the nearest
 * that can, and what is none becomes the epoch: a clock that is wrong must not keep a run from ending.
 * @param ms Since the epoch.
 */
export function isoOf(ms: number): string {
  return new Date(Number.isNaN(ms) ? 0 : Math.min(lastMs, Math.max(firstMs, ms))).toISOString()
}

/** Whether a text is an instant that somebody can mean: from 1970 to 9999, in UTC. */
export function isSaneInstant(text: string): boolean {
  const ms = Date.parse(text)
  return ms >= 0 && ms <= lastMs
}

/** A moment as the clock of this machine shows it, to the minute: `2026-11-22 01:57`. @param ms Since the epoch. */
export function localMinute(ms: number): string {
  const date = new Date(ms)
  const two = (part: number) => String(part).padStart(2, '0')
  const year = String(date.getFullYear()).padStart(4, '0')
  const day = [year, two(date.getMonth() + 1), two(date.getDate())].join('-')
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}
