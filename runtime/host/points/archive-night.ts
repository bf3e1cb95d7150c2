import { weekdayOf } from '../../weekday.ts'

/** What the file system knows of an archive's file. */
export interface FileTimes {
  /** When it was written; milliseconds since the epoch, like all here. */
  mtimeMs: number
  /** When it was last given another name, or changed otherwise. */
  ctimeMs: number
  /** How many names it has. */
  names: number
}

const noonHour = 12

/**
 * The day of the night that a weekday's archive is of, as `YYYY-MM-DD` by the clock of this machine. A night that begins
 * before midnight ends on the next day. An archive of an unchanged mirror is an older file with one more name: that was
 * given on the last such weekday before its time of change.
 */
export function nightOf(weekday: string, { mtimeMs, ctimeMs, names }: FileTimes): string {
  const written = [0, 1].map((days) => daysBefore(mtimeMs, days)).find((ms) => weekdayOf(ms) === weekday)
  if (names < 2 && written !== undefined) return dayOf(written)
  const linked = Array.from({ length: 7 }, (_, days) => daysBefore(ctimeMs, days)).find(
    (ms) => weekdayOf(ms) === weekday,
  )
  if (names > 1 && linked !== undefined && (written === undefined || linked >= written)) return dayOf(linked)
  if (written !== undefined) return dayOf(written)
  const later = Array.from({ length: 7 }, (_, days) => daysBefore(mtimeMs, -days)).find(
    (ms) => weekdayOf(ms) === weekday,
  )
  return dayOf(later ?? mtimeMs)
}

/**
 * The moment that an archive of a day is of: when its file was written, if that was on this day or in the night after it;
 * otherwise the same time of that day.
 * @param day `YYYY-MM-DD`.
 */
export function timeOn(day: string, mtimeMs: number): number {
  if ([0, 1].some((days) => dayOf(daysBefore(mtimeMs, days)) === day)) return mtimeMs
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number)
  const time = new Date(mtimeMs)
  return new Date(year, month - 1, date, time.getHours(), time.getMinutes(), time.getSeconds()).getTime()
}

/** `YYYY-MM-DD`, by the clock of this machine. */
export function dayOf(ms: number): string {
  const date = new Date(ms)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** At noon: no clock is set then. */
function daysBefore(ms: number, days: number): number {
  const date = new Date(ms)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - days, noonHour).getTime()
}
