import { existsSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { readStored, sourceArchived, sourceSynced } from '../../../events/index.ts'
import { archiveRecord } from '../../backup/keep/points.ts'
import { forecastRoom, roomSamples } from '../../backup/status/room.ts'
import type { Source, Target } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import { mirrorPath } from '../../host/mirror/mirror-identity.ts'
import { mountOf, topMountAt } from '../../host/mount/mountinfo.ts'
import { realPath } from '../../host/mount/real-path.ts'
import { formatBytes } from '../../units.ts'
import { weekdays } from '../../weekday.ts'
import type { Box } from './box.ts'
import { error, type Finding, warning } from './finding.ts'
import { checkSpace } from './space.ts'

/** What earlier nights tell about sizes; undefined before the first. */
export type History = Pick<EventBus, 'events'> | undefined

/** Where the live file system of a source is mounted, if it is one by itself. */
async function liveMount(source: Source, box: Box): Promise<string | undefined> {
  if (source.kind === 'path') return topMountAt(box.mounts, realPath(source.path))?.at
  const volumes = await box.volumes(source.vg).catch(() => [])
  const device = volumes.find(({ lv }) => lv === source.lv)?.device
  return device && box.mounts.find((mount) => mount.device === device)?.at
}

/** Whether a source's own file system has room left. */
export async function checkSourceRoom(source: Source, box: Box): Promise<Finding[]> {
  const at = await liveMount(source, box)
  return at === undefined ? [] : checkSpace(at, 'source.nearly-full', `source ${source.name}`)
}

/** What a mirror of a source takes at least: the room in use on its file system, or what was ever copied at once. */
async function mirrorBytes(source: Source, box: Box, history: History): Promise<number> {
  const at = await liveMount(source, box)
  if (at !== undefined && source.exclude.length === 0) {
    const { blocks, bfree, bsize } = await statfs(at)
    return (blocks - bfree) * bsize
  }
  const synced = history?.events({ types: [sourceSynced.type], subject: source.name }) ?? []
  return Math.max(0, ...synced.map(({ data }) => readStored(sourceSynced, data).data?.bytesTransferred ?? 0))
}

/** Whether the mirrors fit: all of them onto the disk, and those that are not there yet into what is free. */
export async function checkMirrorRoom(target: Target, box: Box, history: History): Promise<Finding[]> {
  if (target.mounts.some(({ at }) => !topMountAt(box.mounts, realPath(at)))) return []
  const sources = Object.values(box.config.sources).filter((source) => source.target === target.name)
  const disks = Map.groupBy(
    sources,
    (source) => mountOf(box.mounts, realPath(mirrorPath(target, source)))?.at,
  )
  const findings: Finding[] = []
  for (const [at, kept] of disks) {
    if (at === undefined) continue
    let [all, missing] = [0, 0]
    for (const source of kept) {
      const bytes = await mirrorBytes(source, box, history)
      all += bytes
      const isThere = history?.events({ types: [sourceSynced.type], subject: source.name, limit: 1 })[0]
      if (!isThere) missing += bytes
    }
    const { blocks, bavail, bsize } = await statfs(at)
    const names = kept.map(({ name }) => name).join(', ')
    const finding =
      all > blocks * bsize
        ? `${at} has ${formatBytes(blocks * bsize)} in all, the mirrors of ${names} need ${formatBytes(all)}`
        : missing > bavail * bsize
          ? `${at} has ${formatBytes(bavail * bsize)} free, the first copies need ${formatBytes(missing)}`
          : undefined
    if (finding)
      findings.push(
        error('target.too-small', `target ${target.name}`, finding, 'use a larger disk, or back up less'),
      )
  }
  return findings
}

/** Whether tonight's archives fit beside last week's, which stand until the new ones are proven; and a week of them. */
export async function checkArchiveRoom(box: Box, history: History): Promise<Finding[]> {
  const { archive, targets, sources } = box.config
  const target = archive && targets[archive.target]
  if (!target || target.mounts.some(({ at }) => !topMountAt(box.mounts, realPath(at)))) return []
  // Whether it is there at all is asked elsewhere.
  if (!existsSync(target.path)) return []
  const last = Object.values(sources).flatMap(({ name, archive: wanted }) => {
    const event = history?.events({
      types: [sourceArchived.type],
      subject: name,
      newestFirst: true,
      limit: 1,
    })[0]
    return wanted && event ? (readStored(sourceArchived, event.data).data ?? []) : []
  })
  const { bavail, bsize } = await statfs(target.path)
  const free = bavail * bsize
  const largest = Math.max(0, ...last.map(({ sizeBytes }) => sizeBytes))
  const about = `target ${target.name}`
  if (largest > free) {
    const finding = `${target.path} has ${formatBytes(free)} free, the largest archive was ${formatBytes(largest)}`
    return [error('archive.no-room', about, finding, 'make room, or use a larger disk for archives')]
  }
  const filling = checkFilling(Object.keys(sources), target, history)
  const growth = last.reduce((sum, { path, sizeBytes }) => sum + weekGrowth(path, sizeBytes), 0)
  if (growth + largest <= free) return filling
  const finding = `${target.path} has ${formatBytes(free)} free, the archives of a week will need ${formatBytes(growth + largest)} more`
  return [
    ...filling,
    warning(
      'archive.week-too-large',
      about,
      finding,
      'use a larger disk, or `archive: false` for some sources',
    ),
  ]
}

/** Bytes that the archives of one source will take on, until each weekday has one of this size. */
function weekGrowth(path: string, sizeBytes: number): number {
  const there = weekdays.map(
    (day) =>
      statSync(join(dirname(dirname(path)), day, basename(path)), { throwIfNoEntry: false })?.size ?? 0,
  )
  return there.reduce((sum, size) => sum + Math.max(0, sizeBytes - size), 0)
}

/** With less time than this something should be done about it. */
const fewDays = 14

/** Whether the disk of the archives is full soon, if it goes on as in the last nights. */
function checkFilling(sources: readonly string[], { name, path }: Target, history: History): Finding[] {
  const nights = sources.flatMap((subject) => {
    const told =
      history?.events({ types: [sourceArchived.type], subject, newestFirst: true, limit: 100 }) ?? []
    return archiveRecord(told).nights
  })
  const { perDayBytes = 0, daysLeft = Number.POSITIVE_INFINITY } = forecastRoom(roomSamples(nights)) ?? {}
  if (daysLeft >= fewDays) return []
  const days = Math.floor(daysLeft)
  const finding = `${path} will be full in ${days} ${days === 1 ? 'day' : 'days'}: it takes ${formatBytes(perDayBytes)} a day`
  const remedy =
    'use a larger disk, keep fewer archives (`archive.keep`), or `archive: false` for some sources'
  return [warning('archive.filling', `target ${name}`, finding, remedy)]
}
