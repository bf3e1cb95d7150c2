import {
  archiveDamaged,
  archiveProven,
  type DataOf,
  type Envelope,
  type EventDefinition,
  type InputOf,
  mirrorDoubtful,
  mirrorHealed,
  mirrorProven,
  readStored,
  runWarned,
  sourceSynced,
  type verifyFinish,
  type verifyFinished,
} from '../../../events/index.ts'
import { archiveRecord } from '../keep/points.ts'
import type { MirrorWanted } from './mirror/prove-mirror.ts'

/**
 * What was on record of an archive when it was written. One that was written into since has the same inode and another time.
 * @param events Of its source, of the kinds in `tellsOfArchives`, the newest first.
 */
export function recordedAs(
  events: readonly Envelope[],
  { path, file }: { path: string; file: string },
): { sha256?: string | undefined; sizeBytes?: number } {
  const { nights, kept } = archiveRecord(events)
  const inodeOf = (one: string | undefined) => one?.split(' ')[0]
  const all = [...nights, ...kept].filter(({ sha256 }) => sha256 !== undefined)
  const known =
    all.find((one) => one.file === file) ??
    all.find((one) => one.path === path && inodeOf(one.file) === inodeOf(file))
  return known ? { sha256: known.sha256, sizeBytes: known.sizeBytes } : {}
}

/**
 * When the last good copy to a mirror began and was over.
 * @param events The newest `source.synced` of its source, the newest first.
 * @param mirror Which mirror it is: see `MirrorIdentity.id`.
 */
export function copiedAt(events: readonly Envelope[], mirror: string | undefined): MirrorWanted['copied'] {
  for (const event of events) {
    const { data } = readStored(sourceSynced, event.data)
    if (!data || (data.mirror !== undefined && data.mirror !== mirror)) continue
    const to = Date.parse(event.time)
    return { from: data.read ? Date.parse(data.read.from) : Number.NEGATIVE_INFINITY, to }
  }
  return undefined
}

/**
 * How many entries the last good copy has left in a mirror, at least.
 * @param newest The newest `sync.run` or `source.synced` of its source: what is behind a `sync.run` may have deleted some since.
 * @param mirror As for `copiedAt`.
 * @returns undefined where that is not known.
 */
export function entriesLeft(newest: Envelope | undefined, mirror: string | undefined): number | undefined {
  if (newest?.type !== sourceSynced.type) return undefined
  const { data } = readStored(sourceSynced, newest.data)
  return data && data.mirror === mirror ? data.counted?.files : undefined
}

/** As a list in an event: the first hundred. Names may be of any bytes. */
export function listed(paths: readonly Buffer[]): { count: number; paths: string[] } {
  return { count: paths.length, paths: paths.slice(0, mostNamed).map(String) }
}

/** An event has to stay small. */
const mostNamed = 100

/** What the events of a verification add up to. @param run Its events. */
function totals(run: readonly Envelope[]) {
  const of = <E extends EventDefinition>(definition: E): DataOf<E>[] =>
    run.flatMap(({ type, data }) => (type === definition.type ? [data as DataOf<E>] : []))
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)
  const archives = of(archiveProven)
  const mirrors = of(mirrorProven)
  return {
    archives: archives.length,
    files: sum(mirrors.map(({ files }) => files)),
    bytes: sum([...archives.map(({ sizeBytes }) => sizeBytes), ...mirrors.map(({ bytes }) => bytes)]),
    healed: sum(of(mirrorHealed).map(({ count }) => count)),
    damaged: of(archiveDamaged).map(({ path }) => path),
    unproven: sum(mirrors.map(({ unproven = 0 }) => unproven)),
    doubtful: sum(of(mirrorDoubtful).map(({ count }) => count)),
    warnings: of(runWarned).map(({ reason }) => reason),
  }
}

/** How a verification went. @param run Its events. @param knownDamage Archives that are damaged, as is known. */
export function resultOf(
  run: readonly Envelope[],
  { error, cancelled, bytes: read }: DataOf<typeof verifyFinish>,
  knownDamage: readonly string[],
): InputOf<typeof verifyFinished> {
  const { warnings, ...found } = totals(run)
  const known = knownDamage.filter((path) => !found.damaged.includes(path)).slice(0, mostNamed)
  const reasons = [
    ...found.damaged.map((path) => `${path} is damaged`),
    ...known.map((path) => `${path} is known to be damaged`),
    ...(found.healed > 0 ? [`files of a mirror had rotted, and were replaced: ${found.healed}`] : []),
    ...(found.doubtful > 0 ? [`files of a mirror and its archive or source differ: ${found.doubtful}`] : []),
    ...warnings,
  ]
  const state = cancelled ? 'cancelled' : reasons.length > 0 ? 'degraded' : 'succeeded'
  // What was read of an archive that is not through counts too.
  const bytes = Math.max(read ?? 0, found.bytes)
  return { state, ...found, bytes, known, reason: (cancelled ? error : reasons.join('; ')) || null }
}
