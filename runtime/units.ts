const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** Milliseconds of each unit of time, longest first. */
const TIME_UNITS = { w: 7 * 86_400_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/**
 * Reads a size with binary units, as LVM does: `100M`, `1.5G`, `512 KiB`, `1048576`.
 * `MB` is refused, because some people mean 1000 by it and others 1024.
 * @returns Whole bytes, rounded down; `undefined` for anything else.
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?(?:B|([KMGTP])(?:iB)?)?$/i.exec(text.trim())
  if (!match) return undefined
  const power = match[2] ? ' KMGTP'.indexOf(match[2].toUpperCase()) : 0
  const bytes = Math.floor(Number(match[1]) * 1024 ** power)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/**
 * Writes a size for people, with one decimal: `1.5 GiB`, `512 B`.
 * @param bytes Not negative.
 */
export function formatBytes(bytes: number): string {
  let value = Math.round(bytes)
  let unit = 0
  while (value >= 1023.95 && unit < SIZE_UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${oneDecimal(value)} ${SIZE_UNITS[unit]}`
}

/** Reads `20%` as 20. @returns A whole number from 0 to 100; `undefined` for anything else. */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d{1,3}) ?%$/.exec(text.trim())
  const percent = Number(match?.[1])
  return percent <= 100 ? percent : undefined
}

/**
 * Reads a duration: `500ms`, `30s`, `1.5h`, `90d`, `2w`, `1m 30s`. A bare number is refused: it has no unit.
 * @returns Whole milliseconds; `undefined` for anything else.
 */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[wdhms]) ?)+$/.test(text.trim())) return undefined
  let ms = 0
  for (const [, count, unit] of text.matchAll(/([\d.]+)(ms|[wdhms])/g)) {
    ms += Number(count) * TIME_UNITS[unit as keyof typeof TIME_UNITS]
  }
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : undefined
}

/**
 * Writes a duration for people, in its two largest units: `234ms`, `1.5s`, `1m 30s`, `2h 5m`, `90d`.
 * @param ms Not negative.
 */
export function formatDuration(ms: number): string {
  if (Math.round(ms) < 1000) return `${Math.round(ms)}ms`
  if (ms < 59_950) return `${oneDecimal(ms / 1000)}s`
  if (ms < 3_599_500) return twoUnits(ms, 'm', 's')
  if (ms < 86_370_000) return twoUnits(ms, 'h', 'm')
  return twoUnits(ms, 'd', 'h')
}

export interface DurationRange {
  minMs: number
  maxMs: number
}

/**
 * Reads `1s..30s`, or a single duration as a range of one. The order of the two is not looked at.
 * @returns `undefined` unless both ends are durations.
 */
export function parseDurationRange(text: string): DurationRange | undefined {
  const [from = '', to = from, ...rest] = text.split('..')
  const minMs = parseDuration(from)
  const maxMs = parseDuration(to)
  return minMs === undefined || maxMs === undefined || rest.length > 0 ? undefined : { minMs, maxMs }
}

function oneDecimal(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}

/** Rounded to the smaller unit before it is split, so that 59.9 s of it never shows as 60. */
function twoUnits(ms: number, large: keyof typeof TIME_UNITS, small: keyof typeof TIME_UNITS): string {
  const perLarge = TIME_UNITS[large] / TIME_UNITS[small]
  const total = Math.round(ms / TIME_UNITS[small])
  const rest = total % perLarge
  return `${Math.floor(total / perLarge)}${large}${rest > 0 ? ` ${rest}${small}` : ''}`
}
