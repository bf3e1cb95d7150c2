import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { TerminalError } from '../../errors.ts'
import { formatBytes } from '../../units.ts'

/** What is kept free on the file system that is restored to. */
const margin = 0.01

/** Bytes that may be written to a file system. @param folder A folder on it, or one that will be made there. */
export function freeBytes(folder: string): number {
  const { bavail, bsize, blocks } = statfsSync(existing(folder))
  return Math.max(0, (bavail - blocks * margin) * bsize)
}

function existing(folder: string): string {
  return existsSync(folder) || folder === '/' ? folder : existing(dirname(folder))
}

/**
 * Proves that there is room for what is to be restored, before its first byte is written.
 * @throws {TerminalError} There is not.
 */
export function proveRoom(
  folder: string,
  { sizeBytes, entries }: { sizeBytes: number; entries: number },
): void {
  const { ffree, files } = statfsSync(folder)
  const free = freeBytes(folder)
  if (sizeBytes > free) {
    throw new TerminalError(
      `the restore needs ${formatBytes(sizeBytes)}, and there are ${formatBytes(free)} in ${folder}`,
      { hint: 'restore less at once, or to another disk: --to FOLDER' },
    )
  }
  // Some file systems make inodes as they need them, and tell of none.
  if (files > 0 && entries > ffree) {
    throw new TerminalError(`the restore needs ${entries} inodes, and there are ${ffree} in ${folder}`)
  }
}
