import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { TerminalError } from '../../errors.ts'
import { namesIn } from '../names-in.ts'
import type { Mount } from './mountinfo.ts'

/**
 * `major:minor` of a device node.
 * @param device As the config has it.
 * @throws {TerminalError} There is none.
 */
export function deviceNumber(path: string, device: string): string {
  try {
    const { rdev } = statSync(path)
    if (rdev === 0) throw new TerminalError(`${path} is not a device`)
    return formatNumber(rdev)
  } catch (error) {
    if (error instanceof TerminalError) throw error
    throw new TerminalError(`the disk ${device} is not there`, {
      hint: 'is it plugged in? lsblk lists all',
      cause: error,
    })
  }
}

/** `major:minor` of a device node; undefined where there is none. */
export function numberOf(path: string): string | undefined {
  const rdev = statSync(path, { throwIfNoEntry: false })?.rdev
  return rdev ? formatNumber(rdev) : undefined
}

/** Whether a mounted file system lies on this device, alone or with others. */
export function isFrom(there: Mount, number: string, sys?: string): boolean {
  return there.device === number || membersOf(there, sys).includes(number)
}

/**
 * The devices that a mounted file system lies on, as `major:minor`. Those that may have several (btrfs, bcachefs) show a
 * number of their own in the table of mounts, and one of their devices as the source: any of the others may be the one that
 * the config names. Nothing for what lies on no device (a network share).
 * @see https://btrfs.readthedocs.io/en/latest/ch-sysfs.html
 */
export function membersOf({ device, source, type }: Mount, sys = '/sys'): string[] {
  if (!device.startsWith('0:')) return [device]
  const paths = (type === 'bcachefs' ? source.split(':') : [source]).filter((path) => path.startsWith('/'))
  const own = paths.flatMap((path) => numberOf(path) ?? [])
  if (type !== 'btrfs') return own
  const names = paths.map((path) => basename(path))
  const members = btrfsMembers(sys).find((devices) =>
    devices.some(({ name, number }) => names.includes(name) || own.includes(number)),
  )
  return members ? members.map(({ number }) => number) : own
}

function btrfsMembers(sys: string): { name: string; number: string }[][] {
  const all = join(sys, 'fs/btrfs')
  return namesIn(all).map((uuid) =>
    namesIn(join(all, uuid, 'devices')).flatMap((name) => {
      try {
        return { name, number: readFileSync(join(all, uuid, 'devices', name, 'dev'), 'utf8').trim() }
      } catch {
        return []
      }
    }),
  )
}

/**
 * The files that hold what a device shows, where it is a loop device or lies on one.
 * @param device `major:minor`.
 * @see losetup(8)
 */
export function backingFiles(device: string, sys = '/sys'): string[] {
  return backingOf(join(sys, 'dev/block', device))
}

function backingOf(folder: string): string[] {
  try {
    return [readFileSync(join(folder, 'loop/backing_file'), 'utf8').replace(/\n$/, '')]
  } catch {
    // A partition of a loop device lies in the folder of that one.
    const isPartition = statSync(join(folder, 'partition'), { throwIfNoEntry: false })
    if (isPartition) return backingOf(`${folder}/..`)
    return namesIn(join(folder, 'slaves')).flatMap((name) => backingOf(join(folder, 'slaves', name)))
  }
}

/** `major:minor`, as lsblk and the table of mounts have it. @param rdev Of stat(2). */
export function formatNumber(rdev: number): string {
  return `${major(rdev)}:${minor(rdev)}`
}

/** @see makedev(3): how the C library packs the two numbers. */
function major(device: number): number {
  const packed = BigInt(device)
  return Number(((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n))
}

function minor(device: number): number {
  const packed = BigInt(device)
  return Number((packed & 0xffn) | ((packed >> 12n) & 0xffffff00n))
}
