import type { Target } from '../../config/config.ts'
import { readMounts, topMountAt } from '../mount/mountinfo.ts'
import { mountPoint } from './targets.ts'

/** Whether all disks of a target are mounted. @throws {Error} That cannot be told. */
export function isMounted(target: Target): boolean {
  const mounts = readMounts()
  return target.mounts.every(({ at }) => topMountAt(mounts, mountPoint(target, at)) !== undefined)
}
