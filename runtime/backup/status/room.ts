import type { ArchivedNight } from '../keep/points.ts'

/** How much room was left on the disk of the archives when a night had written one. */
export interface RoomSample {
  /** Milliseconds since the epoch. */
  at: number
  freeBytes: number
}

/** How the room on a disk goes on, if it goes on as in the last nights. */
export interface RoomForecast {
  /** Bytes that a day takes; not positive where it gives room back. */
  perDayBytes: number
  /** Days until it is full; undefined where it does not fill up. */
  daysLeft: number | undefined
}

const dayMs = 86_400_000
/** Until each weekday has an archive the disk fills up as it will not afterwards. */
const firstWeekMs = 7.5 * dayMs
const lookedAtMs = 15 * dayMs
const leastSamples = 3
const leastMs = 2 * dayMs

/** The samples of all sources on the disk of the archives, the oldest first. */
export function roomSamples(nights: readonly ArchivedNight[]): RoomSample[] {
  return nights
    .flatMap(({ provenAt, disk }) => (disk ? [{ at: provenAt, freeBytes: disk.freeBytes }] : []))
    .sort((one, other) => one.at - other.at)
}

/**
 * What the last nights let one expect.
 * @param samples The oldest first.
 * @returns undefined where there are too few of them, as in the first week.
 */
export function forecastRoom(samples: readonly RoomSample[]): RoomForecast | undefined {
  const [begun, last] = [samples[0], samples.at(-1)]
  if (!begun || !last) return undefined
  const from = Math.max(begun.at + firstWeekMs, last.at - lookedAtMs)
  const counted = samples.filter(({ at }) => at >= from)
  const [first] = counted
  if (!first || counted.length < leastSamples || last.at - first.at < leastMs) return undefined
  const perDayBytes = Math.round(((first.freeBytes - last.freeBytes) / (last.at - first.at)) * dayMs)
  return { perDayBytes, daysLeft: perDayBytes > 0 ? last.freeBytes / perDayBytes : undefined }
}
