// Days, times and ages as the clock of this machine has them.

const time = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(Z|[+-]\d\d:\d\d)?)?$/

/** The moments that a day or a time may mean. */
export interface Instants {
  /** Milliseconds since the epoch: two of them where clocks are set back and the time comes twice. */
  ms: number[]
  /** Whether it is a whole day; `ms` is its beginning then. */
  isDay: boolean
}

/**
 * Reads `2026-11-20`, `2026-11-20T03:00`, `2026-11-20T03:00:10`, with `Z` or `+02:00` behind it or not. A time that is left
 * out when clocks are set forward is read as if they had not been.
 * @returns undefined for anything else, and for days and times that no calendar has.
 */
export function instantsOf(text: string): Instants | undefined {
  const match = time.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, zone] = match
  const fields = [year, month, day, hour, minute, second].map((field) => Number(field ?? 0)) as Fields
  const utc = utcOf(fields)
  if (!isCalendar(fields, utc)) return undefined
  if (zone) {
    const offset = offsetMs(zone)
    return offset === undefined ? undefined : { ms: [utc - offset], isDay: false }
  }
  return { ms: localInstants(fields, utc), isDay: hour === undefined }
}

type Fields = [year: number, month: number, day: number, hour: number, minute: number, second: number]

const dayMs = 86_400_000

function utcOf([year, month, day, hour, minute, second]: Fields): number {
  const date = new Date(0)
  // `Date.UTC` takes years below 100 for those of the twentieth century.
  date.setUTCFullYear(year, month - 1, day)
  return date.setUTCHours(hour, minute, second)
}

function isCalendar([year, month, day, hour, minute, second]: Fields, utc: number): boolean {
  const iso = new Date(utc).toISOString()
  const two = (part: number) => String(part).padStart(2, '0')
  const wanted = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`
  return iso.startsWith(wanted)
}

function offsetMs(zone: string): number | undefined {
  if (zone === 'Z') return 0
  const [hours = 0, minutes = 0] = zone.slice(1).split(':').map(Number)
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** Each offset that the zone has around then is tried: those are right with which the clock shows just that time. */
function localInstants(fields: Fields, utc: number): number[] {
  const tried = [-dayMs, 0, dayMs].map((by) => utc + new Date(utc + by).getTimezoneOffset() * 60_000)
  const right = [...new Set(tried)].filter((ms) => shows(fields, ms)).sort((one, other) => one - other)
  if (right.length > 0) return right
  const [year, month, day, hour, minute, second] = fields
  return [new Date(year, month - 1, day, hour, minute, second).getTime()]
}

function shows([, month, day, hour, minute]: Fields, ms: number): boolean {
  const date = new Date(ms)
  return (
    date.getMonth() === month - 1 &&
    date.getDate() === day &&
    date.getHours() === hour &&
    date.getMinutes() === minute
  )
}

/**
 * The moment so long ago: `12h`, `3d`, `2w`, `6mo`, `1y`. Days and longer are those of the calendar: a day ago it was the
 * same time of day, a month ago the same day of the month, or its last one.
 * @returns Milliseconds since the epoch; undefined for anything else.
 */
export function agoMs(text: string, nowMs: number): number | undefined {
  const [, digits, unit] = /^(\d{1,6})(h|d|w|mo|y)$/i.exec(text) ?? []
  if (digits === undefined || unit === undefined) return undefined
  const count = Number(digits)
  const date = new Date(nowMs)
  const kind = unit.toLowerCase()
  if (kind === 'h') return nowMs - count * 3_600_000
  if (kind === 'd' || kind === 'w') return date.setDate(date.getDate() - count * (kind === 'w' ? 7 : 1))
  const day = date.getDate()
  date.setDate(1)
  date.setMonth(date.getMonth() - count * (kind === 'y' ? 12 : 1))
  const last = new Date(date.getFullYear(), date.getMonth() + 1, 0).getDate()
  return date.setDate(Math.min(day, last))
}
