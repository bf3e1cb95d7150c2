import { clockAgrees } from './clock.ts'
import { type ArchivedNight, isWeekday, type KeepPoint } from './points.ts'
import { daysOfWeek, type KeepRules, keptFor } from './tiers.ts'

/** Which archives of a source stay and which go. */
export interface Pruning {
  /** All that stay, and what for: the kinds of `keptFor`, `atLeast`, or nothing where it may not be removed. */
  stay: { point: KeepPoint; for: string[] }[]
  /** What goes now. */
  go: KeepPoint[]
  /** Why nothing goes, if that is not because nothing is due. */
  waits?: string
}

/** An archive from later than this after the newest proven one comes of a clock that was wrong. */
const futureMs = 36 * 3_600_000

/**
 * Decides what of the archives of a source is removed. Good ones are counted, and they alone; one that is damaged, or of
 * which nothing is known, goes when it would go if it were good, and never takes the place of a good one.
 */
export function decidePruning(
  points: readonly KeepPoint[],
  record: { nights: readonly Pick<ArchivedNight, 'provenAt'>[] },
  rules: KeepRules,
): Pruning {
  const newest = record.nights[0]?.provenAt ?? Number.POSITIVE_INFINITY
  const counted = points.filter(({ at }) => at <= newest + futureMs)
  const good = counted.filter(({ state }) => state === 'good')
  const tiers = new Map<KeepPoint, string[]>([...keptFor(counted, rules), ...keptFor(good, rules)])
  const mayGo = (point: KeepPoint) =>
    counted.includes(point) && (!isWeekday(point.folder) || rules.daily < daysOfWeek)
  const stays = (point: KeepPoint) => tiers.has(point) || !mayGo(point)
  for (const point of missing(good, stays, rules.atLeast)) tiers.set(point, ['atLeast'])

  const distinct = new Set(good.filter(stays).map(({ file }) => file)).size
  const waits =
    distinct === 0
      ? 'no archive of it is known to be good'
      : distinct < rules.atLeast
        ? `no more than ${distinct} different good ${distinct === 1 ? 'one is' : 'ones are'} there, and ${rules.atLeast} are to be (atLeast)`
        : clockAgrees(record.nights)
          ? undefined
          : 'the clock may have jumped: two good runs have to agree on the time'
  const due = points.filter((point) => !stays(point))
  const go = waits === undefined ? due : []
  return {
    stay: points
      .filter((point) => !go.includes(point))
      .map((point) => ({ point, for: tiers.get(point) ?? [] })),
    go,
    ...(waits !== undefined && due.length > 0 && { waits }),
  }
}

/** The newest good archives that have to stay beside those that do, until there are so many different files. */
function missing(
  good: readonly KeepPoint[],
  stays: (point: KeepPoint) => boolean,
  atLeast: number,
): KeepPoint[] {
  const files = new Set(good.filter(stays).map(({ file }) => file))
  const more: KeepPoint[] = []
  for (const point of good.toSorted((one, other) => other.at - one.at)) {
    if (files.size >= atLeast) break
    if (files.has(point.file)) continue
    files.add(point.file)
    more.push(point)
  }
  return more
}
