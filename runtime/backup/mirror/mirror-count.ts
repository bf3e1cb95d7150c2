import { createHash } from 'node:crypto'
import { type DataOf, type Envelope, readStored, sourceSynced } from '../../../events/index.ts'
import type { SyncStats } from '../../host/mirror/rsync-output.ts'

type Counted = NonNullable<DataOf<typeof sourceSynced>['counted']>

/** What a copy has left in a mirror: of what is copied, of everything else, and by which patterns that was told apart. */
export interface MirrorCount {
  /** The events of `bearsOnDoubt` about one source, newest first. */
  history: readonly Envelope[]
  /** As Mirror.id names it. */
  mirror: string | undefined
  exclude: readonly string[]
}

/**
 * How many entries of what is copied a mirror has now, at least: what the last copy has left, if nothing went wrong since
 * and the same is excluded, less what somebody has removed. Limits in percent are percentages of that.
 * @param names All entries that it has now, what is not copied included.
 * @returns undefined where that is not certain: a dry run tells then.
 */
export function mirrorFilesAtLeast(
  { history, mirror, exclude }: MirrorCount,
  names: number | undefined,
): number | undefined {
  if (mirror === undefined || names === undefined) return undefined
  for (const event of history) {
    // Something went wrong with a copy, and nobody knows with which mirror.
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
  // Of a folder that made way for a file, rsync does not count everything among the deleted: then this is too many.
  const notCopied = names + stats.created - stats.deleted - stats.files
  return notCopied < 0 ? undefined : { files: stats.files, notCopied, exclude: digestOf(exclude) }
}

/** Tells the patterns of what is not copied from others. */
export function digestOf(exclude: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(exclude)).digest('hex').slice(0, 16)
}
