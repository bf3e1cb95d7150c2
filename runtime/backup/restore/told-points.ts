import {
  archiveDamaged,
  archiveProven,
  type DataOf,
  dataOf,
  type Envelope,
  sourceArchived,
  sourceKept,
  sourceSynced,
} from '../../../events/index.ts'
import { keptFolder } from '../../host/archive/shelf.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { weekdays } from '../../weekday.ts'

/** The kinds of events that tell of restore points. */
export const tellOfPoints = [sourceSynced, sourceArchived, sourceKept, archiveProven, archiveDamaged]

/** What the record tells of one. */
interface Told {
  path: string
  /** Of an archive, its file; of a mirror, which one it is. */
  identity: string | undefined
  at: string
  files?: number
  sizeBytes?: number
  provenAt?: string
  damaged?: string
}

/** What the record tells of the mirror and the archives of one source. */
export interface ToldPoints {
  /** By which mirror it is, the newest first. */
  mirrors: Told[]
  archives: Told[]
  /** What lay in the folder `kept` at last. */
  kept: Told[]
}

/**
 * Reads what the record has of the restore points of one source.
 * @param history Its events of the kinds in `tellOfPoints`, the newest first.
 */
export function toldPoints(history: readonly Envelope[]): ToldPoints {
  const told: ToldPoints = { mirrors: [], archives: [], kept: [] }
  const found = lastReadings(history)
  const synced = new Map<string | undefined, { at: string; files?: number }>()
  for (const event of history) {
    const data = dataOf(sourceSynced, event)
    if (!data) continue
    const read = { at: data.read?.from ?? event.time, ...filesOf(data) }
    if (!synced.has(event.runid)) synced.set(event.runid, read)
    const { contents } = data
    told.mirrors.push({
      path: '',
      identity: data.mirror,
      ...read,
      ...(contents && { sizeBytes: contents.sizeBytes }),
    })
  }
  for (const event of history) {
    const data = dataOf(sourceArchived, event)
    if (!data) continue
    const { path, file, sizeBytes } = data
    const read = synced.get(event.runid) ?? { at: event.time }
    told.archives.push({
      ...{ path, identity: file, ...read, sizeBytes },
      ...archivedAt(event.time, found.get(file ?? '')),
    })
  }
  const kept = history.find(({ type }) => type === sourceKept.type)
  const data = kept && dataOf(sourceKept, kept)
  for (const { path, at, sizeBytes, file } of data?.kept ?? [])
    told.kept.push({ path, identity: file, at, sizeBytes, ...found.get(file) })
  return told
}

interface Reading {
  provenAt?: string
  damaged?: string
}

/** What was found when archives were last read again, by their files. */
function lastReadings(history: readonly Envelope[]): Map<string, Reading> {
  const found = new Map<string, Reading>()
  for (const event of history) {
    const proven = dataOf(archiveProven, event)
    if (proven && !found.has(proven.file)) found.set(proven.file, { provenAt: event.time })
    const damaged = dataOf(archiveDamaged, event)
    if (damaged && !found.has(damaged.file)) found.set(damaged.file, { damaged: damaged.reason })
  }
  return found
}

/** An archive that stands for a later night, as nothing has changed, was proven then. */
function archivedAt(time: string, { provenAt = time, damaged }: Reading = {}): Reading {
  return { provenAt: provenAt > time ? provenAt : time, ...(damaged !== undefined && { damaged }) }
}

function filesOf({ counted }: DataOf<typeof sourceSynced>): { files?: number } {
  return counted ? { files: counted.files } : {}
}

/**
 * A restore point that was found on a disk, with what the record tells of it.
 * @param identity Of its archive's file, or which mirror it is; undefined where that cannot be told.
 */
export function withRecord(
  point: RestorePoint,
  told: ToldPoints,
  identity: string | undefined,
): RestorePoint {
  if (point.kind === 'copy') return point
  const among = point.kind === 'mirror' ? told.mirrors : told.archives
  const known = among.find((one) =>
    point.kind === 'mirror'
      ? one.identity === undefined || one.identity === identity
      : one.identity !== undefined &&
        one.identity === identity &&
        (point.kind === 'kept' || one.path === point.path),
  )
  if (!known) return point
  const { path: _, identity: __, ...facts } = known
  // Of a kept archive there may be many nights in which nothing had changed: its own folder has the day.
  return point.kind === 'kept' ? { ...point, ...facts, at: point.at } : { ...point, ...facts }
}

/** Where the disks of a source's backups should be, and how they would be named there. */
export interface Whereabouts {
  source: string
  target: string
  mirror: string
  /** Without archives, undefined. */
  archives: { target: string; path: string } | undefined
  dayOf(ms: number): string
}

/** A restore point whose disk cannot be looked at, and the file of its archive. */
export interface Unseen {
  point: RestorePoint
  file?: string | undefined
}

/** What the record tells of restore points whose disk cannot be looked at. */
export function unseenPoints(told: ToldPoints, where: Whereabouts): Unseen[] {
  const { source, target, mirror, archives } = where
  const [newest] = told.mirrors
  const points: Unseen[] = []
  if (newest) {
    const { path: _, identity: __, ...facts } = newest
    const id = `${source}@latest`
    points.push({ point: { id, source, kind: 'mirror', target, path: mirror, ...facts } })
  }
  if (!archives) return points
  const seen = new Set<string>()
  for (const { path, identity: file, ...facts } of told.archives) {
    const [weekday = ''] = path.split('/').slice(-2)
    if (seen.has(weekday) || path !== `${archives.path}/${weekday}/${path.split('/').at(-1)}`) continue
    if (!(weekdays as readonly string[]).includes(weekday)) continue
    seen.add(weekday)
    const id = `${source}@${where.dayOf(Date.parse(facts.at))}`
    points.push({ point: { id, source, kind: 'weekday', target: archives.target, path, ...facts }, file })
  }
  for (const { path, identity: file, ...facts } of told.kept) {
    const [day = ''] = path.split('/').slice(-2)
    if (!path.startsWith(`${archives.path}/${keptFolder}/${day}/`)) continue
    const id = `${source}@kept-${day}`
    points.push({ point: { id, source, kind: 'kept', target: archives.target, path, ...facts }, file })
  }
  return points
}
