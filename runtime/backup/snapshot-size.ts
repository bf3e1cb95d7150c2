import { TerminalError } from '../errors.ts'
import { inBytes, type RoomFacts, snapshotCeilingBytes, wholeCopyBytes } from '../host/lvm/snapshot-room.ts'
import { formatBytes } from '../units.ts'

export interface SizeFacts extends RoomFacts {
  /** Room in the volume group. */
  freeBytes: number
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
