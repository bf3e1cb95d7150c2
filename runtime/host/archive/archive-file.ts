import { constants, lstatSync } from 'node:fs'
import { copyFile, link, open, rm } from 'node:fs/promises'

/** What can be told of an archive's file without reading it. */
export interface ArchiveFile {
  /** Tells it from any other that stood or comes to stand in its place, but not from what damage makes of it. */
  file: string
  sizeBytes: number
  device: bigint
  inode: bigint
  /** When it was written, in milliseconds since the epoch. */
  writtenMs: number
  /** What it takes on its disk, as far as the file system tells: blocks that it shares count in full. */
  diskBytes: number
}

/** Looks at an archive's file. @returns undefined when there is none that can be looked at. */
export async function archiveFile(path: string): Promise<ArchiveFile | undefined> {
  const found = look(path)
  if (!found?.isFile()) return undefined
  const { dev: device, ino: inode, size, mtimeNs, mtimeMs, blocks } = found
  return {
    file: `${inode} ${mtimeNs}`,
    sizeBytes: Number(size),
    device,
    inode,
    writtenMs: Number(mtimeMs),
    diskBytes: Number(blocks) * 512,
  }
}

/** A thread of its own, for each of the hundreds that a page has, takes ten times as long. */
function look(path: string) {
  try {
    return lstatSync(path, { bigint: true })
  } catch {
    return undefined
  }
}

/** Whether both are names of one file. */
export function isSameFile(one: ArchiveFile, other: ArchiveFile | undefined): boolean {
  return one.device === other?.device && one.inode === other.inode
}

/**
 * Gives an archive a second file that shares its blocks (a reflink) or, where the file system has no such thing, a
 * second name (a hard link). Neither may ever be written to: only be replaced.
 * @param to Must not be there.
 * @returns Whether one of the two could be done.
 */
export async function shareFile(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
    await syncPath(to)
    return true
  } catch {
    await rm(to, { force: true })
  }
  return link(from, to).then(
    () => true,
    () => false,
  )
}

/** Brings a file, or the names in a folder, onto the disk. @see fsync(2) */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
