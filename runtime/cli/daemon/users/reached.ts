import { lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import type { LiveSource } from '../../../backup/restore/place.ts'
import { realPath } from '../../../host/mount/real-path.ts'
import { may } from '../../../host/points/readable-by.ts'

/**
 * Whether a user gets as far as a source on the live system. What lies above it is in no backup, so it is judged as it is
 * now: where the source is not seen now, nobody tells who was let in. A folder of it that is mounted elsewhere opens that
 * folder alone, and a link to the source opens nothing.
 */
export function isReached({ roots }: Pick<LiveSource, 'roots'>, uid: number): boolean {
  return roots.some(({ at, below }) => below === '' && isReachedAt(realPath(at), uid))
}

function isReachedAt(folder: string, uid: number): boolean {
  return modeOf(folder) !== undefined && isEntered(dirname(folder), uid)
}

const toEnter = 0o1

function isEntered(folder: string, uid: number): boolean {
  const found = modeOf(folder)
  if (!found || !may(found, uid, toEnter)) return false
  return folder === '/' || isEntered(dirname(folder), uid)
}

/** Of a folder; undefined where there is none, or not even root may look, as below a mount of FUSE. */
function modeOf(folder: string): { uid: number; mode: number } | undefined {
  try {
    const found = lstatSync(folder)
    return found.isDirectory() ? found : undefined
  } catch {
    return undefined
  }
}
