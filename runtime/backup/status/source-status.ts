import {
  type DataOf,
  type DrillResult,
  type RunResult,
  readStored,
  type SourceResult,
  sourceSynced,
} from '../../../events/index.ts'
import { isoOf } from '../../instant.ts'
import type { Hold } from '../holds/holds.ts'
import type { KeepPoint } from '../keep/points.ts'
import { type Drilled, lastProven } from '../proof/drill-history.ts'

/** How a source stands. `overdue`: it had no success for longer than `alert.after`; `none`: it was never backed up. */
export type SourceStanding = 'overdue' | 'failed' | 'cancelled' | 'held' | 'degraded' | 'none' | 'succeeded'

/** One source, at a look: what `hdsync status --json` prints of it. */
export interface SourceStatus {
  source: string
  state: SourceStanding
  /** The last run in which it succeeded, be it with warnings. */
  lastGoodAt: string | null
  ageSeconds: number | null
  /** How many moments it can be taken back to, and the oldest of them. */
  restorePoints: number
  oldestAt: string | null
  /** What its files take, uncompressed; null where that is not on record. */
  mirrorBytes: number | null
  /** What its archives take; names of one file count once. */
  archiveBytes: number
  sizeBytes: number
  /** By how much an archive has grown in a week. */
  growthBytes: number | null
  /** When an archive, or without any the whole mirror, was last read back from its disk and found to be what was written. */
  provenAt: string | null
  /** When a drill last restored it, or a sample of it, and found it as it was recorded. */
  provenRestoreAt: string | null
  /** How its last drill went; null where none was made. */
  drill: { at: string; state: DrillResult['state']; error: string | null } | null
  /** The archives that its catalogue does not know: it is stale, and they are read whole for a listing. */
  uncatalogued: readonly string[]
  /** Why it does not stand as it should, and the next command to type. */
  problem: string | null
  todo: string | null
}

/** What is known of a source. */
export interface SourceFacts {
  source: string
  now: number
  /** How long it may go without a success. */
  allowedMs: number
  /** When it was first heard of, in milliseconds since the epoch. */
  since: number | undefined
  /** The newest first: the runs that it took part in. */
  results: readonly { at: number; result: SourceResult }[]
  hold: Hold | undefined
  synced: { at: number; data: DataOf<typeof sourceSynced> } | undefined
  points: readonly KeepPoint[]
  provenAt: number | undefined
  uncatalogued: readonly string[]
  /** The drills of all sources, the newest first. */
  drills: readonly Drilled[]
}

const weekMs = 7 * 86_400_000

/** Decides how a source stands, from what is known of it. */
export function statusOf(facts: SourceFacts): SourceStatus {
  const { source, now, points, synced } = facts
  const good = facts.results.find(({ result }) => isGood(result))
  const dates = [...points.map(({ at }) => at), ...(synced ? [synced.at] : [])]
  const archiveBytes = sizeOf(points)
  const mirrorBytes = synced?.data.contents?.sizeBytes ?? null
  return {
    source,
    ...standing(facts, good?.at),
    lastGoodAt: good ? isoOf(good.at) : null,
    ageSeconds: good ? Math.max(0, Math.round((now - good.at) / 1000)) : null,
    restorePoints: dates.length,
    oldestAt: dates.length > 0 ? isoOf(Math.min(...dates)) : null,
    mirrorBytes,
    archiveBytes,
    sizeBytes: archiveBytes + (mirrorBytes ?? 0),
    growthBytes: growthOf(points),
    provenAt: facts.provenAt === undefined ? null : isoOf(facts.provenAt),
    ...drillOf(facts),
    uncatalogued: facts.uncatalogued,
  }
}

function drillOf({ source, drills }: SourceFacts): Pick<SourceStatus, 'provenRestoreAt' | 'drill'> {
  const last = drills.find(({ result }) => result.source === source)
  const proven = lastProven(drills, source)
  return {
    provenRestoreAt: proven === undefined ? null : isoOf(proven),
    drill: last ? { at: isoOf(last.at), state: last.result.state, error: last.result.error } : null,
  }
}

/** What archives take: names of one file count once. */
export function sizeOf(points: readonly Pick<KeepPoint, 'file' | 'diskBytes'>[]): number {
  return [...new Map(points.map(({ file, diskBytes }) => [file, diskBytes])).values()].reduce(
    (sum, bytes) => sum + bytes,
    0,
  )
}

/** Whether a source was backed up, be it with warnings. */
export function isGood({ state }: Pick<SourceResult, 'state'>): boolean {
  return state === 'succeeded' || state === 'degraded'
}

function standing(
  { source, now, allowedMs, since, results, hold, points }: SourceFacts,
  goodAt: number | undefined,
): Pick<SourceStatus, 'state' | 'problem' | 'todo'> {
  const last = results[0]?.result
  const from = goodAt ?? since
  const isOverdue = from !== undefined && now - from > allowedMs
  const why = { problem: last?.error ?? null, todo: `hdsync why ${source}` }
  if (hold) return { state: 'held', problem: why.problem, todo: `hdsync show --held ${source}` }
  if (last && !isGood(last)) {
    const state = last.state === 'failed' || last.state === 'cancelled' ? last.state : 'failed'
    return { state, ...why }
  }
  if (isOverdue) {
    const problem = goodAt === undefined ? 'it was never backed up' : 'no run has backed it up since'
    return { state: 'overdue', problem, todo: 'hdsync check' }
  }
  if (!last) return { state: 'none', problem: 'it was never backed up', todo: `hdsync run ${source}` }
  if (last.state === 'degraded') return { state: 'degraded', ...why }
  const damaged = points.filter((point) => point.state === 'damaged')
  if (damaged.length > 0) {
    const problem = `damaged: ${damaged.map(({ path }) => path).join(', ')}`
    return { state: 'degraded', problem, todo: `hdsync backups ${source}` }
  }
  return { state: 'succeeded', problem: null, todo: null }
}

/** The newest archive against the newest of those that are a week older. */
function growthOf(points: readonly KeepPoint[]): number | null {
  const [newest, ...older] = points.toSorted((one, other) => other.at - one.at)
  const before = newest && (older.find(({ at }) => newest.at - at >= weekMs * 0.95) ?? older.at(-1))
  if (!newest || !before || newest.at - before.at < weekMs / 2) return null
  return Math.round(((newest.sizeBytes - before.sizeBytes) * weekMs) / (newest.at - before.at))
}

/** How each source fared in past runs. @param ends The ends of runs, the newest first. */
export function resultsBySource(
  ends: readonly { time: string; data: unknown }[],
): Map<string, { at: number; result: SourceResult }[]> {
  const found = new Map<string, { at: number; result: SourceResult }[]>()
  for (const { time, data } of ends) {
    for (const result of (data as Partial<RunResult>).sources ?? []) {
      const one = { at: Date.parse(time), result }
      const list = found.get(result.source)
      if (list) list.push(one)
      else found.set(result.source, [one])
    }
  }
  return found
}

/** The newest copy of a source that is on record. */
export function syncedOf(
  event: { time: string; data: unknown } | undefined,
): { at: number; data: DataOf<typeof sourceSynced> } | undefined {
  const data = event && readStored(sourceSynced, event.data).data
  return data && { at: Date.parse(data.read?.from ?? event.time), data }
}

const worstFirst: SourceStanding[] = [
  'overdue',
  'failed',
  'cancelled',
  'held',
  'degraded',
  'none',
  'succeeded',
]

/** The worst first; what stands equally, by its age. */
export function inOrderOfNeed(sources: readonly SourceStatus[]): SourceStatus[] {
  return sources.toSorted(
    (one, other) =>
      worstFirst.indexOf(one.state) - worstFirst.indexOf(other.state) ||
      (other.ageSeconds ?? Number.POSITIVE_INFINITY) - (one.ageSeconds ?? Number.POSITIVE_INFINITY) ||
      0,
  )
}
