import { copyKept } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { type CopyRecord, type CopyStatus, copyStatuses } from '../copies/copy-status.ts'
import { copyEnds, copyEndsLookedAt } from '../copies/history.ts'
import { copyPlaces } from '../copies/places.ts'
import { clockAgrees } from '../keep/clock.ts'
import { type ReadPast, readPastOf } from '../past.ts'
import { type KnownArchives, lookAtArchives, tellOfArchives } from './known-archives.ts'

/**
 * Reads how the copies in other places stand, as {@link readStatus} tells of them.
 * @param read Reads the record; the store itself unless given.
 */
export async function readCopies(
  config: Config,
  now: number,
  read: ReadPast = readPastOf(config),
): Promise<CopyStatus[]> {
  if (copyPlaces(config).length === 0) return []
  const { told, copied } = read(({ bus }) => ({
    told: Object.keys(config.sources).map((name) => tellOfArchives(name, bus, now)),
    copied: copiesOn(config, bus),
  }))
  return copiesOf(config, await lookAtArchives(told, config, read), copied, now)
}

/** How the copies of archives stand that have been looked at. */
export function copiesOf(
  config: Config,
  looked: readonly KnownArchives[],
  copied: CopyRecord,
  now: number,
): Promise<CopyStatus[]> {
  const sources = looked.map(({ name, record, points, isUnusual }) => ({
    ...{ source: name, points, isUnusual, clockAgrees: clockAgrees(record.nights) },
  }))
  return copyStatuses(copyPlaces(config), sources, copied, now)
}

/** What the record tells of copies. */
export function copiesOn(config: Config, bus: EventBus): CopyRecord {
  if (copyPlaces(config).length === 0) return { ends: [], kept: [] }
  const newest = (types: string[]) => bus.events({ types, newestFirst: true, limit: copyEndsLookedAt })
  return { ends: newest(copyEnds.map(({ type }) => type)), kept: newest([copyKept.type]) }
}
