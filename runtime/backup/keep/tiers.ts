import type { Config } from '../../config/config.ts'
import { dateOf } from '../../weekday.ts'

/** How many archives are kept of each kind; see `archive.daily` and `archive.keep` of the config. */
export interface KeepRules {
  daily: number
  weekly: number
  monthly: number
  yearly: number
  atLeast: number
  /** With `both`, of each period the first one is kept as well: a flood of later ones pushes it out no more. */
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
    const firsts = new Map<string, T>()
    for (const archive of newestFirst) {
      const period = periodOf[tier](archive.at)
      if (!firsts.has(period)) {
        if (firsts.size === rules[tier]) break
        keep(archive, tier)
      }
      firsts.set(period, archive)
    }
    if (rules.ends === 'both') for (const first of firsts.values()) keep(first, tier)
  }
  return kept
}

function mondayOf(ms: number): string {
  const date = new Date(ms)
  return dateOf(date.setDate(date.getDate() - ((date.getDay() + 6) % 7)))
}
