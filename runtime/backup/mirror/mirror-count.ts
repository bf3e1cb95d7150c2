import { createHash } from 'node:crypto'
import { type DataOf, type Envelope, readStored, sourceSynced } from '../../../events/index.ts'
import type { SyncStats } from '../../host/mirror/rsync-output.ts'

type Counted = NonNullable<DataOf<typeof sourceSynced>['counted']>

/** What the count of a mirror is taken from. */
export interface MirrorCount {
  /** The events of `bearsOnDoubt` about one source, newest first. */
  history: readonly Envelope[]
  /** As Mirror.id names it. */
  mirror: string | undefined
  exclude: readonly string[]
}

/**
 * How many copied entries a mirror has at least: those of the last copy, if nothing failed since and the same is excluded,
 * less what somebody has removed. Limits in percent are percentages of this.
 * @param names All entries that it has now, what is not copied included.
 * @returns undefined where that is not certain: a dry run tells then.
 */
export function mirrorFilesAtLeast(
  { history, mirror, exclude }: MirrorCount,
  names: number | undefined,
): number | undefined {
  if (mirror === undefined || names === undefined) return undefined
  for (const event of history) {
    // A copy failed, perhaps to this mirror.
    if (event.type !== sourceSynced.type) return undefined
    const { mirror: synced, counted } = readStored(sourceSynced, event.data).data ?? {}
    if (synced === undefined) return undefined
    // Disks take turns.
    if (synced !== mirror) continue
    if (!counted || counted.exclude !== digestOf(exclude)) return undefined
    return Math.max(0, Math.min(counted.files, names - counted.notCopied))
  }
  return undefined
}

/**
 * What a later run is to know of a mirror that equals its source now.
 * @param names All entries that it had before.
 * @returns undefined where the numbers do not fit together.
 */
export function countOf(
  stats: SyncStats,
  names: number | undefined,
  exclude: readonly string[],
): Counted | undefined {
  if (names === undefined) return undefined
  // Rsync does not count all deletions in a folder that a file replaces: then this is too many.
  const notCopied = names + stats.created - stats.deleted - stats.files
  return notCopied < 0 ? undefined : { files: stats.files, notCopied, exclude: digestOf(exclude) }
}

/** Identifies a list of exclude patterns. */
export function digestOf(exclude: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(exclude)).digest('hex').slice(0, 16)
}
