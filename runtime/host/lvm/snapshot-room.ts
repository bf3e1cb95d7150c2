import type { LvSource } from '../../config/config.ts'

/** What bounds the room of a thick snapshot. */
export interface RoomFacts {
  /** What the config asks for. */
  wanted: Pick<LvSource['snapshot'], 'size' | 'max'>
  /** Size of the live volume. */
  sizeBytes: number
  extentBytes: number
}

/**
 * The most that a thick snapshot is given: `snapshot.max`, and never more than a copy of the whole volume needs,
 * which cannot overflow.
 */
export function snapshotCeilingBytes({ wanted, sizeBytes, extentBytes }: RoomFacts): number {
  const whole = wholeCopyBytes({ sizeBytes, extentBytes })
  if (!wanted.max) return whole
  return Math.min(whole, Math.ceil(inBytes(wanted.max, sizeBytes) / extentBytes) * extentBytes)
}

/** Each chunk of 4 KiB costs 16 bytes of metadata; one extent more for the header. */
export function wholeCopyBytes({
  sizeBytes,
  extentBytes,
}: Pick<RoomFacts, 'sizeBytes' | 'extentBytes'>): number {
  return (Math.ceil((sizeBytes * 1.005) / extentBytes) + 1) * extentBytes
}

/** A size of the config in bytes. @param ofBytes What percentages are of. */
export function inBytes(size: { bytes: number } | { percent: number }, ofBytes: number): number {
  return 'bytes' in size ? size.bytes : (ofBytes * size.percent) / 100
}
