import { mkdirSync, opendirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { TerminalError } from '../errors.ts'

/**
 * Whether a folder holds nothing of anybody's: ext2/3/4 put a lost+found into an empty file system.
 * @throws {TerminalError} It is not a folder that can be read.
 */
export function isEmptyDirectory(path: string): boolean {
  try {
    const directory = opendirSync(path)
    try {
      for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
        if (entry.name !== 'lost+found') return false
      }
      return true
    } finally {
      directory.closeSync()
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ENOENT' ? 'it does not exist' : code === 'ENOTDIR' ? 'it is not a directory' : message
    throw new TerminalError(`cannot read ${path}: ${reason}`)
  }
}

/** Makes a folder that only its owner can look into, if it is not there. */
export function ensureDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(path).isDirectory()) return
    throw new TerminalError(`cannot make the folder ${path}: ${message}`)
  }
}

/**
 * Whether the file system below a folder keeps times finer than seconds, by trying: ext3 and reiserfs do not,
 * and ext4 depends on how it was made.
 */
export function keepsSubsecondTimes(folder: string): boolean {
  const probe = join(folder, `.hdsync-probe-${process.pid}`)
  try {
    writeFileSync(probe, '')
    utimesSync(probe, 1_000_000_000.25, 1_000_000_000.25)
    return statSync(probe).mtimeMs % 1000 !== 0
  } catch (error) {
    throw new TerminalError(`cannot write to ${folder}: ${(error as Error).message}`, { cause: error })
  } finally {
    rmSync(probe, { force: true })
  }
}

/** Bytes that are free for everybody. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}
