import type { ArchivedNight } from './points.ts'

/** What comes within half a day of another one is no other witness of the time. */
const apartMs = 12 * 3_600_000
/** The pause between two good runs that needs no explanation, and the longest that may be as long as the one before. */
const usualMs = 2 * 86_400_000
const longestMs = 62 * 86_400_000

/**
 * Whether the two newest good runs agree on the time: one came after the other, and not much later than that one after
 * its own forerunner. After a jump of the clock, forward or back, two runs have to come that do.
 * @param nights The newest first, in the order of the record.
 */
export function clockAgrees(nights: readonly Pick<ArchivedNight, 'provenAt'>[]): boolean {
  const witnesses: number[] = []
  for (const { provenAt } of nights) {
    const last = witnesses.at(-1)
    if (last === undefined || Math.abs(last - provenAt) >= apartMs) witnesses.push(provenAt)
    if (witnesses.length === 3) break
  }
  const [newest, before, first] = witnesses
  if (newest === undefined || before === undefined) return false
  const earlierMs = first === undefined ? 0 : before - first
  const allowedMs = Math.min(longestMs, Math.max(usualMs, 2 * earlierMs))
  return newest > before && newest - before <= allowedMs
}
