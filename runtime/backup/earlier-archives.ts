import {
  type DataOf,
  type Envelope,
  type EventDefinition,
  mirrorFlush,
  mirrorSuspect,
  readStored,
  snapshotCleanup,
  sourceArchived,
  sourceSynced,
  syncRun,
} from '../../events/index.ts'
import type { EarlierArchive } from '../host/archive/earlier-archive.ts'

/** The kinds of events about a source that tell whether its mirror has changed. */
export const provesUnchanged: readonly EventDefinition[] = [
  syncRun,
  snapshotCleanup,
  mirrorFlush,
  sourceSynced,
  sourceArchived,
  mirrorSuspect,
]

/** Events between a `sync.run` and its `source.synced`. */
const between: readonly string[] = [snapshotCleanup.type, mirrorFlush.type]

/**
 * The archives of a source since which its mirror has not changed, the newest first, one for each path. The search ends at
 * the first sync that may have changed the mirror: any that does not say `unchanged`, or came after an overflow.
 * @param history The events of one source of the kinds in `provesUnchanged`, of all runs, newest first; where the
 *   beginning is missing, what is there counts.
 * @param sinceMs What is older may have lost the events that came after it. Milliseconds since the epoch.
 */
export function earlierArchives(history: readonly Envelope[], sinceMs: number): EarlierArchive[] {
  const archives = new Map<string, EarlierArchive | undefined>()
  const unchanged = new Set<string>()
  for (const event of history) {
    const { id, type, attempt, parentid = '' } = event
    if (!(Date.parse(event.time) >= sinceMs)) break
    if (type === sourceArchived.type) {
      const { data } = readStored(sourceArchived, event.data)
      if (!data) break
      // Older archives at this path were replaced.
      if (!archives.has(data.path)) archives.set(data.path, complete(data, event))
    } else if (type === sourceSynced.type) {
      const { data } = readStored(sourceSynced, event.data)
      if (!data?.unchanged || attempt !== 1) break
      unchanged.add(parentid)
    } else if (between.includes(type)) {
      if (unchanged.has(id)) unchanged.add(parentid)
    } else if (type !== syncRun.type || attempt !== 1 || !unchanged.has(id)) break
  }
  return [...archives.values()].filter((archive) => archive !== undefined)
}

/** Undefined where the event does not say what proves the file. */
function complete(
  { path, sizeBytes, sha256, basis, file, unchangedSince }: DataOf<typeof sourceArchived>,
  { time }: Envelope,
): EarlierArchive | undefined {
  if (sha256 === undefined || basis === undefined || file === undefined) return undefined
  return { path, sizeBytes, sha256, basis, file, unchangedSince: unchangedSince ?? time }
}
