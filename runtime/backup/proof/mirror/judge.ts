/** What three witnesses have of one file: SHA-256 in hexadecimal digits. */
export interface Witnesses {
  /** `unreadable`: its disk has lost it. */
  mirror: string | 'unreadable'
  /** As it was read from the archive itself. */
  archive: string | 'unreadable'
  /** Of the live system, if it still has the file as it was copied; undefined where there is no such witness. */
  source: string | undefined
  /** What the catalogue recorded when the archive was written. */
  recorded?: string | undefined
}

/** Which copy is rotten. `none`: they agree, and what was on record of the archive was wrong. */
export type Judgement = 'mirror' | 'archive' | 'unknown' | 'none'

/**
 * Decides which copy of a file has rotted, where mirror and archive differ: the source's bytes decide, and without them
 * nobody does.
 */
export function judge({ mirror, archive, source, recorded }: Witnesses): Judgement {
  if (mirror === archive && mirror !== 'unreadable') return 'none'
  if (source === undefined) return 'unknown'
  // Also where the archive has rotted too.
  if (source === archive || (source === recorded && source !== mirror)) return 'mirror'
  return source === mirror ? 'archive' : 'unknown'
}

/** What the kernel tells of a file of a mirror, and what is on record. Milliseconds since the epoch. */
export interface ChangeFacts {
  /** When its inode was last changed: only the kernel sets that. */
  changedAt: number
  /** When the mirror was read for the archive. */
  archivedAt: number
  /** When the last good copy to this mirror was over; undefined where that is not on record. */
  syncedAt: number | undefined
}

/**
 * Whether a file of the mirror may differ from its archive because a later copy has changed it. What was changed since the
 * last copy, was not changed by one.
 */
export function changedByCopy({ changedAt, archivedAt, syncedAt }: ChangeFacts): boolean {
  return syncedAt !== undefined && syncedAt > archivedAt && changedAt > archivedAt && changedAt <= syncedAt
}

/** What the file system of the source tells of a file there, and when it was copied. */
export interface SourceFacts {
  sizeBytes: number
  /** Nanoseconds since the epoch, as is `mirrorTimeNs`. */
  mtimeNs: bigint
  /** Milliseconds since the epoch, as is `copiedFrom`. */
  changedAt: number
}

/** Whether a file of the source is the one that was copied: it has not been touched since before the last good copy began. */
export function isAsCopied(
  source: SourceFacts,
  mirror: Pick<SourceFacts, 'sizeBytes' | 'mtimeNs'>,
  copiedFrom: number,
): boolean {
  // The disk of the mirror may keep whole seconds only.
  const seconds = ({ mtimeNs }: Pick<SourceFacts, 'mtimeNs'>) => mtimeNs / 1_000_000_000n
  return (
    source.sizeBytes === mirror.sizeBytes &&
    seconds(source) === seconds(mirror) &&
    source.changedAt < copiedFrom
  )
}
