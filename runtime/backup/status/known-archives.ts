import type { Config } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { ArchiveProof } from '../../host/proof/ledger.ts'
import { archiveHistory, weekOfNightsMs } from '../keep/keeping.ts'
import { type ArchiveRecord, archiveRecord, type KeepPoint } from '../keep/points.ts'
import { openUnusual } from '../mirror/unusual.ts'
import type { ReadPast } from '../past.ts'
import { marked, proofsOf } from '../proof/standing.ts'
import { archivesNow, type TargetNow, targetNow, wantsMoreNights } from './archives-now.ts'

/** What is read of the record of the archives of one source. */
export interface ToldArchives {
  name: string
  record: ArchiveRecord
  /** A copy has changed unusually many files, and nobody has said that it was meant. */
  isUnusual: boolean
}

/** The archives of a source, from the record and from their disk. */
export interface KnownArchives extends ToldArchives {
  points: KeepPoint[]
  proofs: readonly ArchiveProof[]
}

/** Reads what the last week's record tells of the archives of a source. */
export function tellOfArchives(name: string, bus: EventBus, now: number): ToldArchives {
  const history = archiveHistory(bus, name, now - weekOfNightsMs)
  return { name, record: archiveRecord(history), isUnusual: openUnusual(history) !== undefined }
}

/** Adds what lies on their disk, and the record as far back as it tells of that. */
export function lookAtArchives<Told extends ToldArchives>(
  told: readonly Told[],
  config: Config,
  read: ReadPast,
): Promise<(Told & KnownArchives)[]> {
  const target = config.archive && config.targets[config.archive.target]
  const to = target && targetNow(target)
  return Promise.all(
    told.map(async (one) => {
      const proofs = proofsOf(one.name, to)
      const { record, points } = to ? await archivesOf(one, to, read) : { record: one.record, points: [] }
      return { ...one, record, proofs, points: points.map((point) => marked(point, proofs)) }
    }),
  )
}

async function archivesOf(
  { name, record }: ToldArchives,
  to: TargetNow,
  read: ReadPast,
): Promise<{ record: ArchiveRecord; points: KeepPoint[] }> {
  const points = await archivesNow(name, to, record)
  if (!wantsMoreNights(points, to)) return { record, points }
  const whole = read(({ bus }) => archiveRecord(archiveHistory(bus, name)))
  return { record: whole, points: await archivesNow(name, to, whole) }
}
