/** A `mirror` is the rsynced copy, a `weekday` and a `kept` are archives of it; a `copy` is one that lies in another place. */
export type PointKind = 'mirror' | 'weekday' | 'kept' | 'copy'

/** A moment that a source can be taken back to. */
export interface RestorePoint {
  /** `SOURCE@NAME`; NAME tells it from the others of the source. Stable as long as it is there. */
  id: string
  source: string
  kind: PointKind
  /** When its mirror was read, as ISO 8601 in UTC. */
  at: string
  /** The name of the target that it lies on. */
  target: string
  /** The name of the place, of a copy; see `copies` of the config. */
  copy?: string
  /** Of the mirror's folder, or of the archive's file. */
  path: string
  /** How many files, folders and other entries it holds, where that is known. */
  files?: number
  /** Of an archive, the size of its file; of a mirror, that of its contents, where that is known. */
  sizeBytes?: number
  /** When it was last read whole and found good. */
  provenAt?: string
  /** Why it is known not to be what was written; absent where nothing is known to be wrong. */
  damaged?: string
  /** The catalogue beside an archive does not know it: it is read whole for a listing. Absent where it does. */
  catalogued?: false
  /** When a drill last restored it, all of it or a sample, and found it as it was recorded. */
  provenRestoreAt?: string
}

/** Restore points that lie where backups are made to: copies only where there is nothing else. */
export function withoutCopies(points: readonly RestorePoint[]): RestorePoint[] {
  const here = points.filter(({ kind }) => kind !== 'copy')
  return here.length > 0 ? here : [...points]
}
