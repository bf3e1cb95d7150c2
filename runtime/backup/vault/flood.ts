import type { Arrival } from '../../host/vault/record.ts'
import { lookedAt, median, medians } from './medians.ts'

/** A nightly run, and one by hand. Of so many a day, expiry has a place for each. */
const mostPerDay = 2
/** What comes less often than daily may come twice as often as usual, looked at over four times. */
const times = 4

/** What is looked at of an arrival. */
type Came = Pick<Arrival, 'provedAt' | 'sha256' | 'isReleased'>

/** A day on which something arrived. */
interface Day {
  /** Counted from any day, by the clock of this machine. */
  number: number
  /** Of what arrived since the last release. */
  bytes: Set<string>
  /** How many days after the one before. */
  gap: number
  isReleased: boolean
}

/**
 * Whether more arrives of a source than its nights explain: whoever has the key of a host alone can only push out copies by
 * sending more. As many are explained as nights were missed before.
 * @param arrivals Of one source, in the order in which they arrived.
 * @returns Why the last one is too many, for people to read.
 */
export function flood(arrivals: readonly Came[]): string | undefined {
  const days = daysOf(arrivals)
  const today = days.at(-1)
  if (!today) return undefined
  const most = Math.max(mostPerDay, explained(days))
  if (today.bytes.size > most)
    return `${today.bytes.size} different copies of it came in one day, where ${most} are explained`
  return pace(days)
}

function daysOf(arrivals: readonly Came[]): Day[] {
  const days: Day[] = []
  for (const { provedAt, sha256, isReleased } of arrivals) {
    const number = numberOf(provedAt)
    let day = days.at(-1)
    // A clock that was set back begins no further day.
    if (!day || number > day.number) {
      day = { number, bytes: new Set(), gap: day ? number - day.number : 1, isReleased: false }
      days.push(day)
    }
    if (isReleased) day.isReleased = true
    else day.bytes.add(sha256)
  }
  return days
}

function numberOf(provedAt: string): number {
  const date = new Date(provedAt)
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000)
}

/** How many of the last day are explained by nights that were missed. What is left goes on as long as they are caught up with. */
function explained(days: readonly Day[]): number {
  let credit = 1
  let left = 0
  for (const [n, { gap, bytes }] of days.entries()) {
    const usual = median(days.slice(Math.max(1, n - lookedAt), n).map((day) => day.gap)) ?? 1
    const missed = Math.floor(gap / usual)
    credit = missed + (gap === 1 ? left : 0)
    left = missed > 1 || bytes.size > 1 ? Math.max(0, credit - bytes.size) : 0
  }
  return credit
}

/** A source that comes once a week, and suddenly each day, has its weeks pushed out by days. */
function pace(days: readonly Day[]): string | undefined {
  const gaps = days.slice(1).flatMap(({ gap, isReleased }) => (isReleased ? [] : [gap]))
  const usual = medians(gaps).reduce((one, other) => Math.max(one, other), 1)
  const today = days.at(-1)?.number ?? 0
  if (usual === 1) return busyWeek(days, today)
  const count = days
    .filter(({ number }) => number > today - times * usual)
    .reduce((sum, { bytes }) => sum + bytes.size, 0)
  if (count <= 2 * times) return undefined
  return `${count} copies of it came in ${times * usual} days, where one in ${usual} days is usual`
}

const daysOfWeek = 7

/** A source that comes on workdays, and suddenly each day: what comes on the others takes the places of its nights. */
function busyWeek(days: readonly Day[], today: number): string | undefined {
  const first = days[0]?.number ?? today
  const weeks = Array.from({ length: Math.floor((today - first) / daysOfWeek) }, () => 0)
  let recent = 0
  for (const { number, bytes } of days) {
    if (bytes.size === 0) continue
    const ago = Math.floor((today - number) / daysOfWeek)
    if (ago === 0) recent += 1
    else if (ago <= weeks.length) weeks[weeks.length - ago] = (weeks[weeks.length - ago] ?? 0) + 1
  }
  const usual = medians(weeks.filter((count) => count > 0)).reduce((one, other) => Math.max(one, other), 0)
  if (usual === 0 || recent <= usual + 1) return undefined
  return `copies of it came on ${recent} of ${daysOfWeek} days, where ${usual} are usual`
}
