import {
  type DurationRange,
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
  parseDurationRange,
  parsePercent,
} from '../units.ts'
import { parsed } from './reading.ts'

const SMALLEST_SNAPSHOT = 1024 ** 2
const SIZES = 'a size such as 100M (at least 1M) or a percentage such as 20%'

/** The room of a snapshot: bytes, or percent of the volume that it is taken of. */
export type SnapshotSize = { bytes: number } | { percent: number }

function parseSnapshotSize(value: string): SnapshotSize | undefined {
  const percent = parsePercent(value)
  if (percent) return { percent }
  const bytes = parseBytes(value)
  return bytes !== undefined && bytes >= SMALLEST_SNAPSHOT ? { bytes } : undefined
}

export const snapshotSize = parsed(SIZES, parseSnapshotSize)

export const snapshotSizeOrAuto = parsed(`auto, ${SIZES}`, (value) =>
  value === 'auto' ? 'auto' : parseSnapshotSize(value),
)

const SMALLEST_MEMORY = 128 * 1024 ** 2

/** Memory of a process, in bytes. */
export const memorySize = parsed('a size such as 256M (at least 128M)', (value) => {
  const bytes = parseBytes(value)
  return bytes !== undefined && bytes >= SMALLEST_MEMORY ? bytes : undefined
})

/** A number of bytes. */
export const byteCount = parsed('a size such as 50G (at least 1M)', (value) => {
  const bytes = parseBytes(value)
  return bytes !== undefined && bytes >= SMALLEST_SNAPSHOT ? bytes : undefined
})

/** What a rate is not below: less would be waiting alone. */
const SLOWEST = 16 * 1024

/** Bytes a second. */
export const byteRate = parsed(`bytes a second such as 2M (at least ${formatBytes(SLOWEST)})`, (value) => {
  const bytes = parseBytes(value)
  return bytes !== undefined && bytes >= SLOWEST ? bytes : undefined
})

/** How much of a mirror one sync may delete: a number of files, or percent of the mirror's files. */
export type DeletionLimit = { percent: number } | { files: number }

function parseDeletionLimit(value: string): DeletionLimit | undefined {
  const percent = parsePercent(value)
  if (percent !== undefined) return { percent }
  return /^\d{1,15}$/.test(value) ? { files: Number(value) } : undefined
}

export const deletionLimit = parsed(
  'a percentage such as 50% or a number of files such as 1000',
  parseDeletionLimit,
)

/** How many files of a mirror one sync may change: a number of files, percent of its files, or what is usual. */
export type ChangeLimit = DeletionLimit | 'auto'

export const changeLimit = parsed(
  'auto, a percentage such as 40% or a number of files such as 1000',
  (value): ChangeLimit | undefined => (value === 'auto' ? 'auto' : parseDeletionLimit(value)),
)

/** Milliseconds, within bounds that are milliseconds too. @param example A duration within them, for messages. */
export function duration(minMs: number, maxMs: number, example: string) {
  const bounds = `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`
  return parsed(`a duration ${bounds}, such as ${example}`, (value) => {
    const ms = parseDuration(value)
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined
  })
}

const LONGEST_PAUSE_MS = 3_600_000

export const backoff = parsed(
  'a duration such as 5s, or a range such as 1s..30s (at most 1h)',
  (value): DurationRange | undefined => {
    const range = parseDurationRange(value)
    return range && range.minMs <= range.maxMs && range.maxMs <= LONGEST_PAUSE_MS ? range : undefined
  },
  (value) => {
    const range = parseDurationRange(value)
    return range && range.minMs > range.maxMs ? 'the shorter duration comes first' : undefined
  },
)
