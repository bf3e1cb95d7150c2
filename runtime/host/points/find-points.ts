import { sourceName } from '../../config/names.ts'
import { weekdays } from '../../weekday.ts'
import { type Compression, extensions } from '../archive/archive-compression.ts'
import { keptFolder } from '../archive/shelf.ts'
import { readClaims } from '../target/claims.ts'
import { markerFile, readMarker } from '../target/marker.ts'
import { Folder } from '../target/safe-open.ts'
import { dayOf, type FileTimes, nightOf, timeOn } from './archive-night.ts'
import type { RestorePoint } from './restore-point.ts'

/** A folder of backups, and whose mirrors and archives are looked for in it. */
export interface Disk {
  /** The name of the target. */
  target: string
  path: string
  /** Sources whose mirrors are wanted; without it, every folder that can be one, where there is a marker. */
  mirrors?: readonly string[]
  /** The place whose copies lie in `kept`; without it, archives that are kept longer do. */
  copy?: string | undefined
  /** Sources whose archives are wanted; all without it. */
  archives?: readonly string[]
}

/**
 * Finds the restore points on a disk of backups, from what lies there alone. Nothing there is trusted: no link is followed,
 * and what is not named as hdsync names it is left out.
 * @throws {TerminalError} The folder cannot be read.
 */
export function pointsOn(disk: Disk): RestorePoint[] {
  using root = Folder.existing(disk.path)
  const kept = keptArchives(root, disk)
  return [...mirrorsIn(root, disk), ...weekdayArchives(root, disk, kept), ...kept.map(({ point }) => point)]
}

/** How an archive of a restore point is compressed; undefined for a mirror. */
export function compressionOf({ kind, path }: Pick<RestorePoint, 'kind' | 'path'>): Compression | undefined {
  if (kind === 'mirror') return undefined
  return (Object.keys(extensions) as Compression[]).find((one) => path.endsWith(extensions[one]))
}

/** Where an archive lies: `Thursday/var.tar.zst` or `kept/2026-11-22/var.tar.zst` below the folder of its target. */
export function placeOnDisk({ kind, path }: Pick<RestorePoint, 'kind' | 'path'>): {
  root: string
  name: string
} {
  const name = path
    .split('/')
    .slice(kind === 'weekday' ? -2 : -3)
    .join('/')
  return { root: path.slice(0, -name.length - 1), name }
}

function mirrorsIn(root: Folder, disk: Disk): RestorePoint[] {
  return (disk.mirrors ?? mirrorNames(root, disk)).flatMap((source) => {
    const stats = root.look(source)
    if (!stats?.isDirectory()) return []
    using folder = root.folder(source)
    if (!folder || folder.names().length === 0) return []
    // Only the kernel sets the time of change, and each copy that changes a mirror has it set.
    const at = new Date(stats.ctimeMs).toISOString()
    const path = `${disk.path}/${source}`
    return { id: `${source}@latest`, source, kind: 'mirror' as const, at, target: disk.target, path }
  })
}

/** What its claims tell. A folder that no marker makes a target is full of other folders. */
function mirrorNames(root: Folder, { path }: Disk): string[] {
  if (!readMarker(path)) return []
  const claims = readClaims(path)
  const taken: readonly string[] = [...weekdays, keptFolder, markerFile]
  return root
    .names()
    .filter((name) => isSourceName(name) && !taken.includes(name) && (claims.size === 0 || claims.has(name)))
}

function weekdayArchives(root: Folder, disk: Disk, kept: readonly Kept[]): RestorePoint[] {
  return weekdays.flatMap((weekday) =>
    archivesIn(root, weekday, disk).map(({ source, path, times, inode }) => {
      const day = kept.find((one) => one.inode === inode)?.day ?? nightOf(weekday, times)
      const at = timeOn(day, times.mtimeMs)
      return pointOf(disk, { source, path, kind: 'weekday', name: day, at, sizeBytes: times.sizeBytes })
    }),
  )
}

/** An archive that is kept longer. A weekday's archive may be a name of the same file: then it is of the same day. */
interface Kept {
  point: RestorePoint
  day: string
  inode: number
}

function keptArchives(root: Folder, disk: Disk): Kept[] {
  const folder = openQuietly(root, keptFolder)
  if (!folder) return []
  using kept = folder
  return kept
    .names()
    .filter((name) => /^\d{4}-\d\d-\d\d$/.test(name) && dayOf(timeOn(name, 0)) === name)
    .flatMap((day) =>
      archivesIn(kept, day, disk).map(({ source, path, times, inode }) => {
        const { sizeBytes } = times
        const at = timeOn(day, times.mtimeMs)
        const { copy } = disk
        const what =
          copy === undefined
            ? { kind: 'kept' as const, name: `kept-${day}` }
            : { kind: 'copy' as const, name: `${copy}-${day}`, copy }
        const point = pointOf(disk, { source, path, at, sizeBytes, ...what })
        return { point, day, inode }
      }),
    )
}

function pointOf(
  { target }: Disk,
  { name, at, ...rest }: Omit<RestorePoint, 'id' | 'target' | 'at'> & { name: string; at: number },
): RestorePoint {
  return { id: `${rest.source}@${name}`, ...rest, at: new Date(at).toISOString(), target }
}

interface Archive {
  source: string
  path: string
  inode: number
  times: FileTimes & { sizeBytes: number }
}

/** Of each source the newest: after a change of compression there may be two for a moment. */
function archivesIn(parent: Folder, name: string, { archives }: Disk): Archive[] {
  const opened = openQuietly(parent, name)
  if (!opened) return []
  using folder = opened
  const found = new Map<string, Archive>()
  for (const file of folder.names()) {
    const source = archiveOf(file)
    if (!source || (archives && !archives.includes(source))) continue
    const stats = folder.look(file)
    if (!stats?.isFile()) continue
    const { mtimeMs, ctimeMs, nlink: names, size: sizeBytes, ino: inode } = stats
    const known = found.get(source)
    if (known && known.times.mtimeMs >= mtimeMs) continue
    const path = `${folder.path}/${file}`
    found.set(source, { source, path, inode, times: { mtimeMs, ctimeMs, names, sizeBytes } })
  }
  return [...found.values()].sort((one, other) => (one.source < other.source ? -1 : 1))
}

function archiveOf(file: string): string | undefined {
  const extension = Object.values(extensions).find((one) => file.endsWith(one))
  const source = extension && file.slice(0, -extension.length)
  return source && isSourceName(source) ? source : undefined
}

function isSourceName(name: string): boolean {
  return sourceName.safeParse(name).success
}

/** Whoever put a link or a file there: there are no archives of ours in it. */
function openQuietly(parent: Folder, name: string): Folder | undefined {
  try {
    return parent.folder(name)
  } catch {
    return undefined
  }
}
