import { UsageError } from '../../errors.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { localMinute } from '../../instant.ts'
import { weekdayOf, weekdays } from '../../weekday.ts'
import { agoMs, instantsOf } from './local-time.ts'

const forms =
  'latest, a weekday (Tuesday), a day (2026-11-20), a time (2026-11-20T03:00), an age (3d, 2w, 6mo), or an id of `hdsync backups`'

/**
 * The restore point that is meant by WHEN: `latest`, a weekday, a day, a day and time, an age, or an id. Days and times are
 * those of this machine's time zone, unless a time says which one (`Z`, `+02:00`).
 * @param when `latest` unless given.
 * @param points Of one source, in any order.
 * @param nowMs Milliseconds since the epoch.
 * @throws {UsageError} It is none of these, there is no such restore point, or it may be either of two.
 */
export function pickPoint(
  when: string | undefined,
  points: readonly RestorePoint[],
  source: string,
  nowMs: number,
): RestorePoint {
  const newestFirst = points.toSorted(byAge)
  // An empty one is a variable of a script that was not set.
  const word = when?.trim() ?? 'latest'
  if (newestFirst.length === 0) throw new UsageError(`there is no restore point of ${source}`)
  // A copy in another place is of a night that is here too, or that is here no more.
  const here = newestFirst.filter(({ kind }) => kind !== 'copy')
  const found = find(word, here, source, nowMs) ?? find(word, newestFirst, source, nowMs)
  if (found) return found
  throw new UsageError(`${source} has no restore point ${described(word)}`, { hint: listed(newestFirst) })
}

/** The newest first. Of those of one moment a mirror comes first, as it is read fastest. */
export function byAge(one: RestorePoint, other: RestorePoint): number {
  return Date.parse(other.at) - Date.parse(one.at) || rank[one.kind] - rank[other.kind]
}

const rank = { mirror: 0, weekday: 1, kept: 2, copy: 3 }

function find(
  word: string,
  points: readonly RestorePoint[],
  source: string,
  nowMs: number,
): RestorePoint | undefined {
  if (word.includes('@')) return byId(word, points, source)
  if (word.toLowerCase() === 'latest') return points.find(({ kind }) => kind === 'mirror') ?? points[0]
  const weekday = weekdayMeant(word)
  if (weekday) return points.find(({ at }) => weekdayOf(Date.parse(at)) === weekday)
  const age = agoMs(word, nowMs)
  if (age !== undefined) return notAfter(age, points)
  const meant = instantsOf(word)
  if (!meant) throw new UsageError(`${JSON.stringify(word)} is no moment`, { hint: `it takes ${forms}` })
  if (meant.isDay) return points.find(({ at }) => localMinute(Date.parse(at)).startsWith(word))
  return byInstant(word, meant.ms, points)
}

function byId(word: string, points: readonly RestorePoint[], source: string): RestorePoint | undefined {
  const found = points.find(({ id }) => id === word)
  if (found || word.startsWith(`${source}@`)) return found
  throw new UsageError(`${word} is no restore point of ${source}`, { hint: listed(points) })
}

/** A time of day that comes twice, when clocks are set back, may mean two moments. */
function byInstant(
  word: string,
  instants: readonly number[],
  points: readonly RestorePoint[],
): RestorePoint | undefined {
  const found = new Set(instants.map((ms) => notAfter(ms, points)))
  if (found.size < 2) return [...found][0]
  const either = instants.map((ms) => new Date(ms).toISOString()).join(' or ')
  throw new UsageError(`${word} comes twice, as clocks are set back then`, { hint: `write ${either}` })
}

function notAfter(ms: number, newestFirst: readonly RestorePoint[]): RestorePoint | undefined {
  return newestFirst.find(({ at }) => Date.parse(at) <= ms)
}

function weekdayMeant(word: string): string | undefined {
  const lower = word.toLowerCase()
  return weekdays.find((day) => [day, day.slice(0, 3)].some((name) => name.toLowerCase() === lower))
}

function described(word: string): string {
  if (word.includes('@')) return word
  if (/^\d+[a-z]+$/i.test(word)) return `that is ${word} old`
  if (/\d[T ]\d/.test(word)) return `from ${word} or before`
  return `of ${weekdayMeant(word) ?? word}`
}

const mostListed = 8

function listed(newestFirst: readonly RestorePoint[]): string {
  const shown = newestFirst.slice(0, mostListed).map(({ id, at }) => `${id} (${pointTime(at)})`)
  const more = newestFirst.length - shown.length
  return `there is ${shown.join(', ')}${more > 0 ? `, and ${more} older: see hdsync backups` : ''}`
}

/** When a restore point was made, for people: `Sunday 2026-11-22 01:57`. */
export function pointTime(at: string): string {
  const ms = Date.parse(at)
  return `${weekdayOf(ms)} ${localMinute(ms)}`
}
