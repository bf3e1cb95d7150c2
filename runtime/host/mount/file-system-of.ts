import { realpathSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { FileSystem } from '../../../events/index.ts'
import { HdsyncError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { namesIn } from '../names-in.ts'
import { type Mount, mountOf, readMounts } from './mountinfo.ts'

/** Where the system keeps what is asked; for tests. */
export interface Places {
  mounts: readonly Mount[]
  byUuid: string
  btrfs: string
}

/**
 * The file system that a folder lies on, by its UUID (udev, or else blkid): device numbers change with a reboot, and btrfs
 * has its own. What lies on no device (NFS, ZFS, tmpfs, overlayfs) is named by its type and what is mounted.
 * @returns undefined where it cannot be told.
 */
export async function fileSystemOf(
  runner: CommandRunner,
  folder: string,
  { mounts = readMounts(), byUuid = '/dev/disk/by-uuid', btrfs = '/sys/fs/btrfs' }: Partial<Places> = {},
): Promise<FileSystem | undefined> {
  const path = realpathSync(folder)
  const mount = mountOf(mounts, path)
  const id = mount && (await idOf(runner, mount, byUuid, btrfs))
  if (!mount || !id) return undefined
  const subvolume = mount.type === 'btrfs' && subvolumeOf(mount)
  return {
    id,
    type: mount.type,
    at: mount.at,
    ...(subvolume && { subvolume }),
    inode: String(statSync(path, { bigint: true }).ino),
  }
}

/** What the id of a device begins with whose UUID nobody knows. */
const byDevice = 'device '

/**
 * Whether a folder lies elsewhere than before. A subvolume that is not mounted leaves a folder of the same file
 * system; one that was rolled back has another name, but is mounted where it was.
 */
export function liesElsewhere(was: FileSystem, is: FileSystem): boolean {
  // The name of a device may be another one after the next start.
  const isNamed = [was, is].every(({ id }) => !id.startsWith(byDevice))
  if (!isNamed) return was.type !== is.type || (was.at !== is.at && `${was.at}/`.startsWith(is.at))
  return was.id !== is.id || (was.subvolume !== is.subvolume && was.at !== is.at)
}

async function idOf(runner: CommandRunner, mount: Mount, byUuid: string, btrfs: string): Promise<string> {
  const { type, source, device } = mount
  if (type !== 'btrfs' && device.startsWith('0:')) return `${type} ${source}`
  const known = type === 'btrfs' ? btrfsUuid(source, btrfs) : udevUuid(device, byUuid)
  const uuid = known ?? (await askedUuid(runner, source))
  return uuid === undefined ? `${byDevice}${source}` : `UUID=${uuid}`
}

function udevUuid(device: string, byUuid: string): string | undefined {
  return namesIn(byUuid).find((uuid) => {
    const { rdev } = statSync(join(byUuid, uuid), { throwIfNoEntry: false }) ?? {}
    return rdev !== undefined && numberOf(rdev) === device
  })
}

/** As makedev(3) has put it together. */
function numberOf(rdev: number): string {
  const bits = BigInt(rdev)
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)
  const minor = (bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

/** Each of its devices names it; udev names one of them alone. */
function btrfsUuid(source: string, btrfs: string): string | undefined {
  try {
    const device = basename(realpathSync(source))
    return namesIn(btrfs).find((uuid) => namesIn(join(btrfs, uuid, 'devices')).includes(device))
  } catch {
    return undefined
  }
}

/** What is being asked: sources that are read at the same time ask once for each device. */
const asking = new Map<string, Promise<string | undefined>>()

async function askedUuid(runner: CommandRunner, device: string): Promise<string | undefined> {
  const others = asking.get(device)
  // Whoever has asked may have been cancelled.
  if (others) return others.catch(() => printedUuid(runner, device))
  const mine = printedUuid(runner, device).finally(() => asking.delete(device))
  asking.set(device, mine)
  return mine
}

async function printedUuid(runner: CommandRunner, device: string): Promise<string | undefined> {
  try {
    const argv = ['blkid', '--match-tag', 'UUID', '--output', 'value', '--', device] as const
    const { stdout } = await runner.run({ argv, timeoutMs: 30_000, accept: [0, 2] })
    return stdout.trim() || undefined
  } catch (error) {
    if (error instanceof HdsyncError) return undefined
    throw error
  }
}

function subvolumeOf({ superOptions }: Mount): string | undefined {
  return superOptions.find((option) => option.startsWith('subvol='))?.slice('subvol='.length)
}
