import { isStale } from '../../host/copies/prove-copy.ts'
import { isoOf } from '../../instant.ts'
import { passedName } from './steps.ts'
import type { Missing, Offer } from './ways.ts'

/** How much of what a place has a run reads; one copy in any case. */
const share = 0.1

/**
 * The copy to be read once more: the one that was not read for the longest time, while the run has not read its share.
 * What it has read of copies that are new counts.
 * @param startedAt When the run began, as `now` in milliseconds since the epoch.
 */
export function copyToReadAgain(
  offers: readonly Offer[],
  { passed, startedAt, now }: { passed: readonly string[]; startedAt: number; now: number },
): Omit<Missing, 'as'> | undefined {
  const all = offers.flatMap(({ source, facts }) =>
    facts.there.flatMap(({ state, sha256, readAt, ...one }) =>
      state === 'good' && sha256 !== undefined && readAt !== undefined
        ? [{ ...one, source, sha256, readAt }]
        : [],
    ),
  )
  // Names of one file are read once.
  const files = [...new Map(all.map((one) => [one.file, one])).values()]
  const bytesOf = (some: typeof files) => some.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const read = files.filter(({ readAt }) => readAt >= startedAt && readAt <= now)
  const left = share * bytesOf(files) - bytesOf(read)
  const [oldest] = files
    .filter((one) => isStale(one.readAt, now) && !passed.includes(passedName(one)))
    .toSorted((one, other) => one.readAt - other.readAt)
  if (!oldest || (read.length > 0 && oldest.sizeBytes > left)) return undefined
  const { source, path, file, at, sizeBytes, sha256 } = oldest
  return { source, path, file, at: isoOf(at), sizeBytes, sha256, to: path }
}
