import { closeSync, fsyncSync, type OpenMode, openSync, type PathLike, writeSync } from 'node:fs'

/**
 * Writes a file, and brings its contents onto the disk. Its name is there once its folder is synced too.
 * @param flags As of open(2). @throws {NodeJS.ErrnoException}
 * @see fsync(2)
 */
export function writeSynced(path: PathLike, flags: OpenMode, mode: number, bytes: Uint8Array): void {
  const fd = openSync(path, flags, mode)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Brings the names in a folder onto the disk. @throws {NodeJS.ErrnoException} @see fsync(2) */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
