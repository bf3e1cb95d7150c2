import { type CopyResult, copyFailed, copyFinished, dataOf, type Envelope } from '../../../events/index.ts'
import type { CopyPlace } from './places.ts'

/** The kinds of events that end a run of copies. */
export const copyEnds = [copyFinished, copyFailed]

/** How many of them are read. */
export const copyEndsLookedAt = 1000

/** How a place fared in a run, and when that ended, in milliseconds since the epoch. */
export interface CopyEnd {
  at: number
  result: CopyResult
}

/** Reads the ends of runs of copies. @param ends The newest first. @returns The newest first. */
export function copiesEnded(ends: readonly Envelope[]): CopyEnd[] {
  return ends.flatMap((event) => {
    const data = dataOf(copyFinished, event) ?? dataOf(copyFailed, event)
    return (data?.copies ?? []).map((result) => ({ at: Date.parse(event.time), result }))
  })
}

/** When a place had everything last, in milliseconds since the epoch. @param ends The newest first. */
export function lastGood(ends: readonly CopyEnd[], copy: string): number | undefined {
  return ends.find(({ result }) => result.copy === copy && result.state === 'succeeded')?.at
}

/** A place that has not had everything for too long; never, where `lastGoodAt` is undefined. */
export interface OverdueCopy {
  place: CopyPlace
  lastGoodAt: number | undefined
}

/**
 * The places that have not had everything for too long, and have not been told of since.
 * @param results Of the run that ends now.
 * @param past The ends of runs, the newest first; `told`: the newest `copy.overdue` of a place; `now` in milliseconds since
 * the epoch.
 */
export function overdueCopies(
  places: readonly CopyPlace[],
  results: readonly CopyResult[],
  {
    ends,
    told,
    now,
  }: { ends: readonly Envelope[]; told: (copy: string) => Envelope | undefined; now: number },
): OverdueCopy[] {
  const history = [...results.map((result) => ({ at: now, result })), ...copiesEnded(ends)]
  return places.flatMap((place) => {
    const late = whenLate(place, history, now)
    if (!late) return []
    const last = told(place.name)
    return last && Date.parse(last.time) > late.since ? [] : [{ place, lastGoodAt: late.lastGoodAt }]
  })
}

/** Since when a place has not had everything, where that is too long; it counts from when it was first attempted. */
export function whenLate(
  { name, alertAfterMs }: Pick<CopyPlace, 'name' | 'alertAfterMs'>,
  history: readonly CopyEnd[],
  now: number,
): { since: number; lastGoodAt: number | undefined } | undefined {
  const lastGoodAt = lastGood(history, name)
  const since = lastGoodAt ?? history.findLast(({ result }) => result.copy === name)?.at
  return since !== undefined && now - since > alertAfterMs ? { since, lastGoodAt } : undefined
}
