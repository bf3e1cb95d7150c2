import { dateOf } from '../../weekday.ts'
import type { KeepPoint } from '../keep/points.ts'
import { type KeepRules, keptFor } from '../keep/tiers.ts'

/** An archive that is known to be good. */
export interface GoodArchive extends KeepPoint {
  sha256: string
}

/** A copy that a place has. */
export interface CopyThere extends KeepPoint {
  /** When it was last read whole and found good, in milliseconds since the epoch, where that is on record. */
  readAt?: number
  /** It is encrypted, and nobody here knows any more which archive is in it: it counts as that of its night. */
  isUnknownArchive?: boolean
}

/** What decides which archives of a source a place is to get. */
export interface CopyFacts {
  /** What stands on the disk of the archives. */
  archives: readonly KeepPoint[]
  /** What the place has. */
  there: readonly CopyThere[]
  /** What it is to keep; undefined for everything. */
  rules: KeepRules | undefined
  /** A copy has changed unusually many files: what was copied before may be the last that is good. */
  isUnusual: boolean
  /** See `clockAgrees`. After a jump of the clock an archive may count as one of another night. */
  clockAgrees: boolean
}

/**
 * The archives that a place has not got, the newest first: of each night the newest good one. Those that `keep` would remove
 * at once are left out. Another one of the same night takes the place of a good copy, unless something unusual is open, or the
 * clock may have jumped.
 */
export function archivesToCopy({ archives, there, rules, isUnusual, clockAgrees }: CopyFacts): GoodArchive[] {
  const wanted = newestOfNights(archives)
  const mayReplace = !isUnusual && clockAgrees
  const missing = wanted.filter((archive) => {
    // A night may have copies in several forms: its archive is there if any of them is of its bytes.
    const copies = there.filter(({ state, at }) => state === 'good' && dateOf(at) === dateOf(archive.at))
    return (
      copies.length === 0 ||
      (mayReplace && !copies.some((one) => one.isUnknownArchive || one.sha256 === archive.sha256))
    )
  })
  return missing
    .filter((archive) => !rules || staysThere(archive, there, missing, rules))
    .toSorted((one, other) => other.at - one.at)
}

function isGood(point: KeepPoint): point is GoodArchive {
  return point.state === 'good' && point.sha256 !== undefined
}

/** Of each night the newest archive that is known to be good. */
export function newestOfNights(archives: readonly KeepPoint[]): GoodArchive[] {
  const found = new Map<string, GoodArchive>()
  for (const archive of archives.filter(isGood)) {
    const night = dateOf(archive.at)
    const known = found.get(night)
    if (!known || known.at < archive.at) found.set(night, archive)
  }
  return [...found.values()]
}

/** Whether it would stay once everything that is missing is there. */
function staysThere(
  archive: GoodArchive,
  there: readonly KeepPoint[],
  missing: readonly GoodArchive[],
  rules: KeepRules,
): boolean {
  const nights = new Set(missing.map(({ at }) => dateOf(at)))
  const others = there.filter(({ state, at }) => state === 'good' && !nights.has(dateOf(at)))
  const all = [...others, ...missing].toSorted((one, other) => other.at - one.at)
  return keptFor(all, rules).has(archive) || all.indexOf(archive) < rules.atLeast
}
