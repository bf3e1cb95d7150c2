import type { LvSource, Source } from '../config/config.ts'
import { TerminalError } from '../errors.ts'
import { formatBytes } from '../units.ts'

export interface SizeFacts {
  /** What the config asks for. */
  wanted: Pick<LvSource['snapshot'], 'size' | 'max'>
  /** Size of the live volume. */
  sizeBytes: number
  /** Room in the volume group. */
  freeBytes: number
  extentBytes: number
  /** Room that earlier snapshots needed. */
  usedBytes: readonly number[]
  /** Size of the snapshot that has just overflowed. */
  overflowedBytes?: number | undefined
}

/** Room for a quiet night on a small volume, and what one gets that nothing is known of. */
const floorBytes = 64 * 1024 ** 2
const firstShare = 0.2
/** Nights differ: twice what the busiest one needed. */
const safety = 2

/**
 * How large a thick snapshot is made, in whole extents: what the config says, or with `auto` twice what the
 * busiest known night needed. After an overflow it is at least doubled. It is never larger than a copy of the
 * whole volume, which cannot overflow, needs.
 * @throws {TerminalError} The volume group has less room than the config asks for, or hardly any.
 */
export function snapshotSizeBytes(facts: SizeFacts): number {
  const { wanted, sizeBytes, freeBytes, extentBytes, overflowedBytes = 0 } = facts
  const roundUp = (bytes: number) => Math.ceil(bytes / extentBytes) * extentBytes
  const ceiling = snapshotCeilingBytes(facts)
  const free = Math.floor(freeBytes / extentBytes) * extentBytes
  if (wanted.max && overflowedBytes >= ceiling && ceiling < wholeCopyBytes(facts)) {
    throw new TerminalError(
      `its snapshot overflowed, and is as large as it may be: ${formatBytes(ceiling)}`,
      {
        hint: 'allow more under `snapshot.max`',
      },
    )
  }

  const known = Math.max(0, ...facts.usedBytes)
  const auto = Math.max(floorBytes, known > 0 ? known * safety : sizeBytes * firstShare)
  const asked = wanted.size === 'auto' ? auto : inBytes(wanted.size, sizeBytes)
  const size = roundUp(Math.max(extentBytes, Math.min(ceiling, Math.max(asked, overflowedBytes * safety))))
  if (size <= free) return size
  // What was not asked for to the byte may be less: better a small snapshot than no backup.
  const least =
    overflowedBytes > 0 ? overflowedBytes + extentBytes : wanted.size === 'auto' ? extentBytes : size
  if (free >= least) return free
  throw new TerminalError(
    `too little room for a snapshot: ${formatBytes(size)} wanted, ${formatBytes(freeBytes)} free in the volume group`,
    { hint: 'free extents (vgs, lvs show who has them), or set a smaller snapshot size' },
  )
}

/**
 * The most that a thick snapshot is given: `snapshot.max`, and never more than a copy of the whole volume needs,
 * which cannot overflow.
 */
export function snapshotCeilingBytes({
  wanted,
  sizeBytes,
  extentBytes,
}: Pick<SizeFacts, 'wanted' | 'sizeBytes' | 'extentBytes'>): number {
  const whole = wholeCopyBytes({ sizeBytes, extentBytes })
  if (!wanted.max) return whole
  return Math.min(whole, Math.ceil(inBytes(wanted.max, sizeBytes) / extentBytes) * extentBytes)
}

/** Each chunk of 4 KiB costs 16 bytes of metadata; one extent more for the header. */
function wholeCopyBytes({ sizeBytes, extentBytes }: Pick<SizeFacts, 'sizeBytes' | 'extentBytes'>): number {
  return (Math.ceil((sizeBytes * 1.005) / extentBytes) + 1) * extentBytes
}

function inBytes(size: { bytes: number } | { percent: number }, ofBytes: number): number {
  return 'bytes' in size ? size.bytes : (ofBytes * size.percent) / 100
}

/**
 * How many deletions a source permits; whole files, rounded down.
 * @param spent So many of them are made already: a copy that was stopped at its limit does not get another whole one.
 */
export function deletionLimit(limit: Source['maxDelete'], mirrorFiles: number, spent = 0): number {
  const all = 'files' in limit ? limit.files : Math.floor(((mirrorFiles + spent) * limit.percent) / 100)
  return Math.max(0, all - spent)
}

export interface DeletionFacts {
  maxDelete: Source['maxDelete']
  /** Deletions that copies have made since the last good one, before they were stopped at the limit. */
  spent: number
  /** A copy deletes no more than that; undefined where it is not known. */
  deletionsAtMost: number | undefined
  /** How many files the mirror has, at least; undefined where it is not known. */
  mirrorFilesAtLeast: number | undefined
}

/**
 * With how many deletions permitted a copy may begin at once, as it is certain to stay within its limit.
 * @returns undefined where that is not certain: a dry run has to tell.
 */
export function certainLimit(facts: DeletionFacts): number | undefined {
  const { maxDelete, spent, deletionsAtMost, mirrorFilesAtLeast } = facts
  if (deletionsAtMost === undefined) return undefined
  if (mirrorFilesAtLeast === undefined && !('files' in maxDelete)) return undefined
  const limit = deletionLimit(maxDelete, mirrorFilesAtLeast ?? 0, spent)
  return deletionsAtMost <= limit ? limit : undefined
}
