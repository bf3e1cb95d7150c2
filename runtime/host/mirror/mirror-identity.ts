import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from '../../config/config.ts'
import { readMarker } from '../target/marker.ts'

/** Which mirror it is, as far as it can be seen now. */
export interface MirrorIdentity {
  /** Tells it from that of another disk that takes turns with this one. */
  id: string | undefined
  /** See `mirrorState`. */
  state: string | undefined
}

export function mirrorPath(target: Target, source: { name: string }): string {
  return join(target.path, source.name)
}

/**
 * Identifies the state of a mirror by its inode and its time of change, which only the kernel can set: it differs on another
 * disk, on an older image that was put back, and before each copy that changed something.
 * @returns undefined when there is no mirror.
 */
export function mirrorState(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.ino} ${found.ctimeNs}`
}

/** By the disk, that is by its marker, and the folder on it. */
export function identify(target: Target, path: string): MirrorIdentity {
  const marker = readMarker(target.path)
  const found = statSync(path, { throwIfNoEntry: false })
  return { id: marker && found && `${marker.id}/${found.ino}`, state: mirrorState(path) }
}
