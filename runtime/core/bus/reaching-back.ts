/** How much of the record is read. */
export interface Reach {
  /** In milliseconds since the epoch. Unless given, as far back as `most`. */
  since: number | undefined
  /** Read first. */
  few: number
  most: number
}

/**
 * Events, or runs, as far back as is wanted: a few, and more only where those do not reach so far. Each one costs a look at the
 * disk, and there are years of them.
 * @param read Reads so many, the newest first.
 * @param at When one was, in milliseconds since the epoch.
 */
export function reachingBack<T>(
  read: (limit: number) => T[],
  { since, few, most }: Reach,
  at: (one: T) => number,
): T[] {
  if (since === undefined) return read(most)
  const newest = read(few)
  const oldest = newest.at(-1)
  const isEnough = newest.length < few || (oldest !== undefined && at(oldest) < since)
  return isEnough ? newest : read(most)
}

/** When an event was told, for `reachingBack`. */
export function toldAt({ time }: { time: string }): number {
  return Date.parse(time)
}
