import type { Envelope } from '../../../events/envelope.ts'

/** How many events are read. */
export interface Reach {
  /** In milliseconds since the epoch. Unless given, as far back as `most`. */
  since: number | undefined
  /** Read first. */
  few: number
  most: number
}

/**
 * Events as far back as is wanted: a few, and more only where those do not reach so far. Each one costs a look at the disk, and
 * there are years of them.
 * @param read Reads so many, the newest first.
 */
export function reachingBack(read: (limit: number) => Envelope[], { since, few, most }: Reach): Envelope[] {
  if (since === undefined) return read(most)
  const newest = read(few)
  const oldest = newest.at(-1)
  const isEnough = newest.length < few || (oldest !== undefined && Date.parse(oldest.time) < since)
  return isEnough ? newest : read(most)
}
