import { sourceFailed, sourceSynced, syncHeld, syncRun } from '../../../events/index.ts'
import type { Past } from '../past.ts'

/** What the record tells of the syncs of a source. */
export interface Syncing {
  /** The run whose sync has begun and not ended; undefined where none has. */
  run: string | undefined
  /** Tells the newest sync from any other; undefined where there was none. */
  newest: string | undefined
}

const ends = [sourceSynced, sourceFailed, syncHeld].map(({ type }) => type)

/** Whether the mirror of a source is being written, or was when its run was cut off. */
export function syncing(source: string, { bus, journal }: Past): Syncing {
  const search = { subject: source, newestFirst: true, limit: 1 }
  const newest = bus.events({ ...search, types: [syncRun.type] })[0]
  const last = bus.events({ ...search, types: [syncRun.type, ...ends] })[0]
  const run = last?.type === syncRun.type ? last.runid : undefined
  return { run: run !== undefined && journal.unended().includes(run) ? run : undefined, newest: newest?.id }
}
