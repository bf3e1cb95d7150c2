import type { Config } from '../../config/config.ts'
import { dateOf } from '../../weekday.ts'

/** How many archives are kept of each kind; see `archive.daily` and `archive.keep` of the config. */
export interface KeepRules {
  daily: number
  weekly: number
  monthly: number
  yearly: number
  atLeast: number
  /**
   * With `both`, all of a day are kept for it; of a longer period the first day as well as the last, and of such a day the
   * first one as well as the last. So nothing is pushed out by what comes later.
   */
  ends?: 'last' | 'both'
}

/** What an archive is kept for. */
export type Tier = 'daily' | 'weekly' | 'monthly' | 'yearly'

/** A moment that an archive takes its source back to. */
export interface Dated {
  /** The night that it is of, in milliseconds since the epoch. */
  at: number
}

/** The folders of the weekdays hold as many days as these. */
export const daysOfWeek = 7

/** The rules of a config; undefined where the folders of the weekdays are all that there is to be. */
export function keepRules({ archive }: Pick<Config, 'archive'>): KeepRules | undefined {
  const daily = archive?.daily ?? daysOfWeek
  if (!archive || (!archive.keep && daily === daysOfWeek)) return undefined
  return { weekly: 0, monthly: 0, yearly: 0, atLeast: 3, ...archive.keep, daily }
}

/** Names the period that a moment lies in, by the clock of this machine. A week begins on Monday. */
const periodOf: Record<Tier, (ms: number) => string> = {
  daily: dateOf,
  weekly: mondayOf,
  monthly: (ms) => dateOf(ms).slice(0, 7),
  yearly: (ms) => dateOf(ms).slice(0, 4),
}

const tiers = Object.keys(periodOf) as Tier[]

/**
 * What each of these archives is kept for: of each kind the newest one of so many periods, counted from the newest archive
 * back. A period without an archive does not count, so nothing here depends on what the clock says now.
 * @returns Those that are kept for nothing are left out.
 */
export function keptFor<T extends Dated>(archives: readonly T[], rules: KeepRules): Map<T, Tier[]> {
  const newestFirst = archives.toSorted((one, other) => other.at - one.at)
  const kept = new Map<T, Tier[]>()
  const keep = (archive: T, tier: Tier) => {
    const known = kept.get(archive) ?? []
    if (!known.includes(tier)) kept.set(archive, [...known, tier])
  }
  for (const tier of tiers) {
    const periods = new Map<string, T[]>()
    for (const archive of newestFirst) {
      const period = periodOf[tier](archive.at)
      const known = periods.get(period)
      if (known) known.push(archive)
      else if (periods.size === rules[tier]) break
      else periods.set(period, [archive])
    }
    for (const within of periods.values())
      for (const archive of rules.ends === 'both' ? bothEnds(within, tier) : within.slice(0, 1))
        keep(archive, tier)
  }
  return kept
}

/** See `KeepRules.ends`. */
function bothEnds<T extends Dated>(newestFirst: readonly T[], tier: Tier): readonly T[] {
  if (tier === 'daily') return newestFirst
  const days = Object.values(Object.groupBy(newestFirst, ({ at }) => dateOf(at)))
  return [days.at(0), days.at(-1)].flatMap((day = []) =>
    [day.at(0), day.at(-1)].filter((one) => one !== undefined),
  )
}

function mondayOf(ms: number): string {
  const date = new Date(ms)
  return dateOf(date.setDate(date.getDate() - ((date.getDay() + 6) % 7)))
}
