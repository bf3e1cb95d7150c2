import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { membersOf } from '../../host/mount/devices.ts'
import type { Mount } from '../../host/mount/mountinfo.ts'

/**
 * The disks that a block device lies on, by the names that the kernel has for them: a partition on its disk, a
 * logical volume or a RAID on all of its parts. Nothing for what is no block device (a network share).
 * @param device `major:minor`, or a path below /dev.
 * @see https://docs.kernel.org/admin-guide/sysfs-rules.html
 */
export function disksOf(device: string, sys = '/sys'): Set<string> {
  try {
    const entry = device.startsWith('/')
      ? join(sys, 'class/block', basename(realpathSync(device)))
      : join(sys, 'dev/block', device)
    return new Set(disksBelow(realpathSync(entry)))
  } catch {
    return new Set()
  }
}

/** @param folder Of one device, in /sys/devices. */
function disksBelow(folder: string): string[] {
  const parts = join(folder, 'slaves')
  const slaves = existsSync(parts) ? readdirSync(parts) : []
  if (slaves.length > 0) return slaves.flatMap((slave) => disksBelow(realpathSync(join(parts, slave))))
  return [basename(existsSync(join(folder, 'partition')) ? dirname(folder) : folder)]
}

/** The disks below a mount, all of them where a file system has several. */
export function disksOfMount(mount: Mount, sys?: string): Set<string> {
  return new Set(membersOf(mount, sys).flatMap((device) => [...disksOf(device, sys)]))
}
