import { constants } from 'node:fs'
import { copyFile, link, rename, rm, unlink, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Target } from '../../config/config.ts'
import { reasonOf, TerminalError } from '../../errors.ts'
import { weekdays } from '../../weekday.ts'
import type { Folder } from '../target/safe-open.ts'
import { type ArchiveFile, archiveFile, isSameFile, syncPath } from './archive-file.ts'
import { namesOf, removedPath, unprovenPath } from './archive-place.ts'
import { digestOnDisk, type Reading } from './disk-read.ts'
import { keptFolder, Shelf } from './shelf.ts'

/** An archive that was found on the disk; what is in it has not been looked at. */
export interface StandingArchive extends Omit<ArchiveFile, 'device' | 'inode'> {
  path: string
  /** `Tuesday`, or `kept/2026-11-22`. */
  folder: string
}

/** How an archive got its second name. `there`: it has had it already. */
export type KeptHow = 'hard link' | 'reflink' | 'copy' | 'there'

/** Whether a folder in `kept` is that of a night. */
export function isNight(name: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(name) && !Number.isNaN(Date.parse(name))
}

/**
 * All archives of a source on a target, in whatever form they are: those of the weekdays, then those that are kept longer.
 * A folder that is a link is passed over.
 * @throws {TerminalError} There is no such target.
 */
export async function standingArchives(target: Target, source: string): Promise<StandingArchive[]> {
  using shelf = new Shelf(target)
  const kept = (dayIn(shelf, keptFolder)?.names() ?? []).filter(isNight).sort()
  const found: StandingArchive[] = []
  for (const folder of [...weekdays, ...kept.map((night) => `${keptFolder}/${night}`)]) {
    // Not by its listing: the archives of all sources lie there.
    const day = dayIn(shelf, folder)
    for (const name of namesOf(source).filter((name) => day?.look(name))) {
      const path = join(target.path, folder, name)
      const file = await archiveFile(shelf.at(path))
      if (!file) continue
      const { device: _device, inode: _inode, ...about } = file
      found.push({ path, folder, ...about })
    }
  }
  return found
}

function dayIn(shelf: Shelf, folder: string): Folder | undefined {
  try {
    return shelf.day(folder)
  } catch {
    return undefined
  }
}

/**
 * Gives an archive a second name in `kept`, so that it outlasts the one that takes its place: a hard link, a reflink where
 * there can be none, a copy where there can be neither. Safe to repeat.
 * @param path Where it stands.
 * @param night The day that it is of, as `2026-11-22`.
 * @throws {TerminalError} It cannot be done: then nothing may be put in its place.
 */
export async function keepArchive(
  target: Target,
  path: string,
  night: string,
  reading: Pick<Reading, 'runner' | 'signal'>,
): Promise<{ path: string; how: KeptHow; file: string; sizeBytes: number }> {
  using shelf = new Shelf(target)
  const folder = `${keptFolder}/${night}`
  const to = join(target.path, folder, basename(path))
  const original = await archiveFile(shelf.at(path))
  if (!original) throw new TerminalError(`the archive ${path} is gone`)
  try {
    const day = shelf.make(folder)
    const there = await archiveFile(shelf.at(to))
    // Another one of that night has been kept already.
    if (there) return { path: to, how: 'there', file: there.file, sizeBytes: there.sizeBytes }
    const how = await secondName(shelf, path, to, original, reading)
    day.sync()
    const { file, sizeBytes } = (await archiveFile(shelf.at(to))) ?? original
    return { path: to, how, file, sizeBytes }
  } catch (error) {
    reading.signal.throwIfAborted()
    throw new TerminalError(
      `the archive ${path} is to be kept, and cannot be given the name ${to}: ${reasonOf(error)}`,
      {
        hint: 'it stays where it is, and no other takes its place; make room, or see what is in the way',
        cause: error,
      },
    )
  }
}

async function secondName(
  shelf: Shelf,
  path: string,
  to: string,
  original: ArchiveFile,
  reading: Pick<Reading, 'runner' | 'signal'>,
): Promise<KeptHow> {
  const linked = await link(shelf.at(path), shelf.at(to)).then(
    () => true,
    () => false,
  )
  if (linked && isSameFile(original, await archiveFile(shelf.at(to)))) return 'hard link'
  const temporary = unprovenPath(to)
  try {
    await rm(shelf.at(temporary), { force: true })
    const how = await duplicate(shelf.at(path), shelf.at(temporary))
    if (how === 'copy') await expectEqual(path, temporary, shelf, reading)
    // The disk alone tells from it when the archive was written.
    await utimes(shelf.at(temporary), original.writtenMs / 1000, original.writtenMs / 1000)
    await syncPath(shelf.at(temporary))
    await rename(shelf.at(temporary), shelf.at(to))
    return how
  } finally {
    await rm(shelf.at(temporary), { force: true })
  }
}

async function duplicate(from: string, to: string): Promise<'reflink' | 'copy'> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    return 'reflink'
  } catch {
    await rm(to, { force: true })
  }
  await copyFile(from, to, constants.COPYFILE_EXCL)
  await syncPath(to)
  return 'copy'
}

async function expectEqual(
  path: string,
  copy: string,
  shelf: Shelf,
  reading: Pick<Reading, 'runner' | 'signal'>,
): Promise<void> {
  const digest = (one: string) => digestOnDisk(one, { ...reading, at: shelf.at(one) })
  if ((await digest(path)) !== (await digest(copy)))
    throw new Error('the copy does not read back as it was written')
}

/** An archive that is to go, as it was seen when that was decided. */
export type Removable = Pick<StandingArchive, 'path' | 'file'>

/**
 * Removes archives: all are renamed first, and deleted when the disk has that; a name that has come to stand for another
 * file since is left alone. Folders of nights that are empty then go too. Safe to repeat.
 * @returns `gone`: the paths that are there no more; `problems`: what could not be removed, for people to read.
 */
export async function removeArchives(
  target: Target,
  archives: readonly Removable[],
): Promise<{ gone: string[]; problems: string[] }> {
  using shelf = new Shelf(target)
  const problems: string[] = []
  const renamed: string[] = []
  for (const { path, file } of archives) {
    try {
      const found = await archiveFile(shelf.at(path))
      if (found?.file !== file) continue
      await rename(shelf.at(path), shelf.at(removedPath(path)))
      renamed.push(path)
    } catch (error) {
      problems.push(`${path} cannot be removed: ${reasonOf(error)}`)
    }
  }
  const folders = new Set(renamed.map((path) => shelf.folderOf(path)))
  for (const folder of folders) shelf.day(folder)?.sync()
  for (const path of renamed) {
    // What stays is removed by the next run, see `tidy`.
    await unlink(shelf.at(removedPath(path))).catch((error) =>
      problems.push(`${path} is renamed, and cannot be removed: ${reasonOf(error)}`),
    )
  }
  for (const folder of folders) if (folder.startsWith(`${keptFolder}/`)) shelf.removeEmpty(folder)
  return { gone: renamed, problems }
}
