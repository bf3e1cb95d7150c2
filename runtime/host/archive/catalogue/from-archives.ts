import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, relative } from 'node:path'
import { TerminalError } from '../../../errors.ts'
import type { CommandRunner } from '../../command/command.ts'
import { compressionOf, pointsOn } from '../../points/find-points.ts'
import type { RestorePoint } from '../../points/restore-point.ts'
import { Folder } from '../../target/safe-open.ts'
import type { Compression } from '../archive-compression.ts'
import { ArchiveTail, isKeyed, readTailHeader, segmentTag } from '../pieces/pieces.ts'
import { bringUp, type CataloguedArchive, pointsOf } from './bring-up.ts'
import type { CatalogueFile } from './catalogue-file.ts'
import { Night } from './night.ts'
import { allMembers, membersAt } from './read-segments.ts'

/** An archive that lies on the disk. */
export interface ArchiveThere {
  /** Relative to the target. */
  name: string
  /** When its mirror was read, in milliseconds since the epoch. */
  at: number
  compression: Compression
  path: string
}

/** Where a target is, and which of its sources is meant. */
export interface Archived {
  target: { name: string; path: string }
  source: string
}

export interface FromArchives {
  runner: CommandRunner
  /** For what is collected of an archive. */
  nightPath: string
}

/** The archives of a source that lie on a target. */
export function archivesThere({ target, source }: Archived): ArchiveThere[] {
  const points = pointsOn({ target: target.name, path: target.path, mirrors: [], archives: [source] })
  return points.flatMap((point) => thereOf(target.path, point))
}

/** The same in the order in which they were written, and with the time of that; names of one file as their days follow. */
export async function inOrder(of: Archived, archives: readonly ArchiveThere[]): Promise<ArchiveThere[]> {
  const dated: { there: ArchiveThere; writtenAt: number }[] = []
  for (const there of archives) {
    await using file = await openArchive(of.target.path, there.name)
    const writtenAt = (await readTailHeader(file))?.writtenAt ?? (await file.stat()).mtimeMs
    dated.push({ there, writtenAt })
  }
  const sorted = dated.sort((one, other) => one.writtenAt - other.writtenAt || one.there.at - other.there.at)
  return sorted.map(({ there, writtenAt }) => ({ ...there, at: writtenAt }))
}

function thereOf(root: string, point: RestorePoint): ArchiveThere[] {
  const compression = compressionOf(point)
  const { path } = point
  return compression ? [{ name: relative(root, path), at: Date.parse(point.at), compression, path }] : []
}

/** Opens an archive of a target without following a link on the way. @throws {TerminalError} It is no file any more. */
export async function openArchive(root: string, name: string): Promise<FileHandle> {
  using top = Folder.existing(root)
  const folders = dirname(name).split('/')
  const opened: Folder[] = [top]
  try {
    for (const one of folders) {
      const next = opened.at(-1)?.folder(one)
      if (!next) throw new TerminalError(`there is no folder ${one} in ${root}`)
      opened.push(next)
    }
    const at = opened.at(-1)?.name(basename(name)) ?? ''
    return await open(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } finally {
    for (const folder of opened.slice(1)) folder[Symbol.dispose]()
  }
}

/** How an open archive is told from others: as `archiveFile` does. */
export async function fileOf(file: FileHandle): Promise<{ file: string; sizeBytes: number }> {
  const { ino, mtimeNs, size } = await file.stat({ bigint: true })
  return { file: `${ino} ${mtimeNs}`, sizeBytes: Number(size) }
}

/**
 * Adds an archive to a catalogue by reading it: whole, or where it has a tail that part of it that the catalogue does not
 * know.
 * @param tail Where its segments lie, where that is known otherwise.
 * @throws {Error} It cannot be read.
 */
export async function addFromDisk(
  catalogue: CatalogueFile,
  of: Archived,
  there: ArchiveThere,
  options: FromArchives & { tail?: ArchiveTail; lost?: readonly number[] },
): Promise<void> {
  await using file = await openArchive(of.target.path, there.name)
  const { database } = catalogue
  const tail = options.tail ?? (await ArchiveTail.read(file))
  const newest = pointsOf(database).at(-1)
  const { file: ident, sizeBytes } = await fileOf(file)
  const archive: CataloguedArchive = {
    archive: tail?.header.id ?? ident,
    file: ident,
    name: there.name,
    at: there.at,
    sizeBytes,
    isKeyed: tail !== undefined,
  }
  const { lost = [] } = options
  if (newest && (newest.archive === archive.archive || newest.file === ident)) {
    const { archive: id, isKeyed } = newest
    return bringUp(database, { archive: { ...archive, archive: id, isKeyed }, lost })
  }
  using night = new Night(options.nightPath, of.source, undefined)
  const open = openTags(catalogue)
  if (tail) await collectSegments(night, { file, tail, there, open }, options)
  else await collectMembers(night, { file, there, open }, options)
  night.end()
  if (night.problem) throw night.problem
  bringUp(database, { archive, night: night.path, lost })
}

/** The names of all segments of the newest archive in a catalogue. */
export function openTags({ database }: CatalogueFile): Set<bigint> {
  const statement = database.prepare('SELECT tag FROM segment WHERE last IS NULL')
  statement.setReadBigInts(true)
  const tags = new Set<bigint>()
  for (const { tag } of statement.iterate()) tags.add(tag as bigint)
  return tags
}

interface Collected {
  file: FileHandle
  there: ArchiveThere
  /** What is in the catalogue. */
  open: Set<bigint>
}

async function collectSegments(
  night: Night,
  { file, there, open, tail }: Collected & { tail: ArchiveTail },
  { runner }: FromArchives,
): Promise<void> {
  for (const place of tail.places()) {
    const { tag } = place
    if (tag === 0n) continue
    if (!open.delete(tag)) night.fresh(tag, await membersAt(file, place, there.compression, runner))
    else if (!isKeyed(tag)) night.same(tag)
  }
  night.gone(keyedOnes(open))
}

/** Each member counts as a segment of its own. */
async function collectMembers(
  night: Night,
  { file, there, open }: Collected,
  { runner }: FromArchives,
): Promise<void> {
  for await (const member of allMembers(file, there.compression, runner)) {
    night.fresh(segmentTag(undefined, [member]).readBigInt64LE(), [member])
  }
  night.gone(keyedOnes(open))
}

/** Those that are named by their keys: whether others have gone is told by what is there. */
export function* keyedOnes(tags: Iterable<bigint>): Generator<bigint> {
  for (const tag of tags) if (isKeyed(tag)) yield tag
}
