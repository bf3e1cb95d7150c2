import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { TerminalError } from '../../errors.ts'
import { mountOf, readMounts } from './mountinfo.ts'
import { realPath } from './real-path.ts'

/** For notes of mounts, mount points and lists of names. */
const leastBytes = 1024 ** 2
const leastInodes = 32

/** How the reason of a failure ends that comes of it. */
export const noRuntimeRoom = 'no room for what a run notes of its mounts'

/**
 * Proves that there is room for a run's notes and mount points: /run is small, and any service can fill it. Without this the
 * error would look like one of the backup disk.
 * @throws {TerminalError} There is too little.
 */
export function proveRuntimeRoom(directory: string): void {
  const found = roomOf(directory)
  if (!found || (found.bytes >= leastBytes && found.inodes >= leastInodes)) return
  const at = mountOf(readMounts(), realPath(directory))?.at ?? directory
  const what = found.bytes < leastBytes ? `${Math.floor(found.bytes / 1024)} KiB` : `${found.inodes} inodes`
  throw new TerminalError(`${at} has ${what} left: ${noRuntimeRoom}`, {
    hint: `make room there, the backup disk is another one; see what takes it: du --one-file-system --max-depth=2 ${at}`,
  })
}

/** Of the folder, or of the nearest one above that there is. */
function roomOf(directory: string): { bytes: number; inodes: number } | undefined {
  try {
    const { bavail, bsize, files, ffree } = statfsSync(directory)
    // File systems without a fixed number of inodes say 0 of 0.
    return { bytes: bavail * bsize, inodes: files > 0 ? ffree : Number.POSITIVE_INFINITY }
  } catch {
    const parent = dirname(directory)
    return parent === directory ? undefined : roomOf(parent)
  }
}
