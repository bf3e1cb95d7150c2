import type { LvSource, Target } from '../config/config.ts'
import { leavesOut } from '../config/left-out.ts'
import { TerminalError } from '../errors.ts'
import { type Mount, mountOf } from './mountinfo.ts'

/**
 * Where a target lies on the very volume that is backed up to it, seen from the root of that file system, unless the
 * source leaves it out: the mirror would hold itself, and grow by all of it each night.
 * @param device `major:minor` of the volume.
 */
export function placeOnVolume(
  source: LvSource,
  device: string | undefined,
  target: Target,
  mounts: readonly Mount[],
): string | undefined {
  const mount = mountOf(mounts, target.path)
  if (!mount || mount.device !== device) return undefined
  const path = `${mount.root}/${target.path.slice(mount.at.length)}`.replace(/\/+/g, '/')
  return leavesOut(source.exclude, path) ? undefined : path
}

/** @throws {TerminalError} The target lies on the volume that is to be backed up to it. */
export function proveApart(...[source, device, target, mounts]: Parameters<typeof placeOnVolume>): void {
  const path = placeOnVolume(source, device, target, mounts)
  if (path === undefined) return
  throw new TerminalError(
    `target ${target.name} (${target.path}) lies on ${source.vg}/${source.lv} itself: not synced`,
    { hint: `a backup must not contain itself: use another disk, or leave it out: \`exclude: [${path}/]\`` },
  )
}
