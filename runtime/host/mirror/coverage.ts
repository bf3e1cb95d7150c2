import { realpathSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config, PathSource } from '../../config/config.ts'
import { isWithin, leavesOut } from '../../config/left-out.ts'
import { CommandError, type CommandRunner } from '../command/command.ts'
import { imageTypes, networkTypes } from '../mount/filesystem.ts'
import { type Mount, mountOf, readMounts, topMountAt } from '../mount/mountinfo.ts'
import { realPath } from '../mount/real-path.ts'
import { isEmptyDirectory } from './directory.ts'

/** What lies in a source and is in no backup: rsync stays on one file system. */
export interface Uncovered {
  path: string
  what: 'file system' | 'subvolume'
  type: string
}

/** What a copy of a directory leaves out without being told to. */
export interface Gaps {
  uncovered: Uncovered[]
  /**
   * Folders of the mirror that hold what lay in the source before something was mounted there: rsync neither updates nor
   * deletes it.
   */
  shadowed: string[]
}

/** What of the box and the config tells gaps. */
export interface Ground {
  config: Pick<Config, 'sources' | 'targets'>
  mounts: readonly Mount[]
  /** The number of the file system that a path lies on, or undefined if there is no such folder. @see stat(2), st_dev */
  deviceOf(path: string): number | undefined
  /** The number of the file system on a volume. */
  deviceOfVolume(vg: string, lv: string): number | undefined
  /** Whether a folder of the mirror holds something, told from the top of the source. */
  mirrorHolds(path: string): boolean
}

/**
 * Looks for gaps of a source: what is mounted in it, subvolumes of btrfs that lie in it, and what both hide.
 * @param mirror Its mirror, if that can be seen now.
 */
export async function findGaps(
  runner: CommandRunner,
  configured: PathSource,
  config: Ground['config'],
  { mirror, mounts = readMounts() }: { mirror: string | undefined; mounts?: readonly Mount[] },
): Promise<Gaps> {
  const source = { ...configured, path: realpathSync(configured.path) }
  const ground: Ground = {
    config,
    mounts,
    deviceOf: (path) => {
      const found = statSync(path, { throwIfNoEntry: false })
      return found?.isDirectory() ? found.dev : undefined
    },
    deviceOfVolume: (vg, lv) => statSync(`/dev/${vg}/${lv}`, { throwIfNoEntry: false })?.rdev,
    mirrorHolds: (path) => mirror !== undefined && holdsSomething(join(mirror, path)),
  }
  const gaps = gapsByMounts(source, ground)
  if (!isBtrfs(source.path)) return gaps
  const folders = (await subvolumesBelow(runner, source.path, mounts)).filter(holdsSomething)
  return { ...gaps, uncovered: [...gaps.uncovered, ...uncoveredSubvolumes(source, folders, ground)] }
}

/** Mounts here are temporary: plugged-in disks, mounts of programs. */
const kernels = ['/proc', '/sys', '/dev']
const passing = ['/tmp', '/var/tmp', '/media', '/run']
/** Those that have a number of their own, as what lies on no disk has too. */
const severalDisks = new Set(['btrfs', 'zfs', 'bcachefs'])

/** Gaps that the kernel's table of mounts tells. */
export function gapsByMounts(source: PathSource, ground: Ground): Gaps {
  const { mounts, deviceOf, mirrorHolds } = ground
  const base = mountOf(mounts, source.path)
  const places = [...new Set(mounts.map(({ at }) => at))]
    .filter((at) => isWithin(at, source.path) && at !== source.path)
    // What is mounted on something that is mounted here lies in that.
    .filter(
      (at) =>
        mountOf(
          mounts.filter((one) => one.at !== at),
          at,
        ) === base,
    )
    .flatMap((at) => topMountAt(mounts, at) ?? [])
    .filter(({ at }) => !isLeftOut(source, at))
  const local = places
    .filter((mount) => isOnDisk(mount) && !isPassing(mount, source))
    .filter(({ at }) => ![undefined, deviceOf(source.path)].includes(deviceOf(at)))
  // A folder that is mounted where it lies (systemd's `ProtectSystem=` does so) is copied like any other.
  const isElsewhere = ({ at, device }: Mount) =>
    device !== base?.device || ![undefined, deviceOf(source.path)].includes(deviceOf(at))
  const hiding = places.filter(
    (mount) => isElsewhere(mount) && !isPassing(mount, source, [...passing, ...kernels]),
  )
  return {
    uncovered: local
      .filter((mount) => !isTarget(mount, ground) && !isCovered(mount, ground))
      .map(({ at, type }) => ({ path: at, what: 'file system' as const, type })),
    shadowed: hiding.filter(({ at }) => mirrorHolds(below(source, at))).map(({ at }) => at),
  }
}

function uncoveredSubvolumes(source: PathSource, folders: readonly string[], ground: Ground): Uncovered[] {
  const { sources } = ground.config
  return folders
    .filter((path) => !isLeftOut(source, path) && !topMountAt(ground.mounts, path))
    .filter((path) => !Object.values(sources).some((one) => one.kind === 'path' && isWithin(one.path, path)))
    .map((path) => ({ path, what: 'subvolume' as const, type: 'btrfs' }))
}

/** On a disk of this machine, as against what the kernel makes up, or what lies on the network. */
function isOnDisk({ type, device, source }: Mount): boolean {
  if (imageTypes.has(type) || networkTypes.test(type)) return false
  return !device.startsWith('0:') || severalDisks.has(type) || source.startsWith('/dev/')
}

/** Whether something is mounted where things come and go, unless the source was chosen there. */
function isPassing({ at }: Mount, source: PathSource, where = passing): boolean {
  return where.some((path) => isWithin(at, path) && !isWithin(source.path, path))
}

function isTarget({ at }: Mount, { config, mounts }: Ground): boolean {
  return Object.values(config.targets).some(
    (target) =>
      target.mounts.some((one) => realPath(one.at) === at) ||
      mountOf(mounts, realPath(target.path))?.at === at,
  )
}

/** Whether some source lies on it. One that has a part of it alone has been chosen like that. */
function isCovered(mount: Mount, { config, mounts, deviceOf, deviceOfVolume }: Ground): boolean {
  const place = { device: mount.device, path: mount.root }
  return Object.values(config.sources).some((one) => {
    if (one.kind === 'lv') return deviceOfVolume(one.vg, one.lv) === deviceOf(mount.at)
    const other = placeOf(realPath(one.path), mounts)
    if (other?.device !== place.device) return false
    return isWithin(other.path, place.path) || isWithin(place.path, other.path)
  })
}

/** Where a path lies on its file system. */
function placeOf(path: string, mounts: readonly Mount[]): { device: string; path: string } | undefined {
  const mount = mountOf(mounts, path)
  const inside = mount && path.slice(mount.at === '/' ? 0 : mount.at.length)
  return (
    mount && {
      device: mount.device,
      path: `${mount.root}/${inside}`.replace(/\/+/g, '/').replace(/(.)\/$/, '$1'),
    }
  )
}

function isLeftOut(source: PathSource, at: string): boolean {
  const path = below(source, at)
  const folders = path.split('/')
  return (
    leavesOut(source.exclude, path) || source.exclude.some((one) => folders.includes(one.replace(/\/$/, '')))
  )
}

/** As patterns of rsync have it. */
function below({ path }: PathSource, at: string): string {
  return path === '/' ? at : at.slice(path.length)
}

const btrfs = 0x9123683e

function isBtrfs(path: string): boolean {
  try {
    return statfsSync(path).type === btrfs
  } catch {
    return false
  }
}

/** What is kept there, by snapper, are earlier states of the subvolume itself. */
const snapshots = /(^|\/)(\.snapshots|timeshift-btrfs)(\/|$)/

/** By the tool of btrfs, which asks the file system's own index; without it, by a walk through all folders. */
async function subvolumesBelow(
  runner: CommandRunner,
  path: string,
  mounts: readonly Mount[],
): Promise<string[]> {
  const argv = ['btrfs', 'subvolume', 'list', '-o', path] as const
  const listed = await runner.run({ argv, timeoutMs: 60_000 }).catch((error: Error) => error)
  const base = placeOf(path, mounts)
  const found =
    listed instanceof Error || !base
      ? await bySearch(runner, path)
      : parseSubvolumes(listed.stdout)
          .filter((one) => isWithin(one, base.path) && one !== base.path)
          .map((one) => join(path, one.slice(base.path === '/' ? 0 : base.path.length)))
  return found.filter((one) => !snapshots.test(one))
}

/** @see btrfs-subvolume(8): `ID 257 gen 10 top level 5 path photos/2026`, from the top of the file system. */
export function parseSubvolumes(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const path = /^ID \d+ .*?\bpath (.*)$/.exec(line)?.[1]
    return path ? `/${path.replace(/^<FS_TREE>\//, '')}` : []
  })
}

/** The folder of each subvolume has this inode. */
async function bySearch(runner: CommandRunner, path: string): Promise<string[]> {
  const argv = [
    'find',
    `${path}/`,
    '-mindepth',
    '1',
    '-xdev',
    '-type',
    'd',
    '-inum',
    '256',
    '-print0',
  ] as const
  try {
    const { stdout } = await runner.run({ argv, timeoutMs: 600_000, accept: [0, 1] })
    return stdout
      .split('\0')
      .filter(Boolean)
      .map((one) => join(one))
  } catch (error) {
    if (error instanceof CommandError) return []
    throw error
  }
}

function holdsSomething(path: string): boolean {
  try {
    return !isEmptyDirectory(path)
  } catch {
    return false
  }
}

/** Gaps in a sentence each, without the names of all where there are many. */
export function gapsInWords({ uncovered, shadowed }: Gaps): string[] {
  const names = uncovered.map(({ path, what, type }) => `${path} (${type} ${what})`)
  return [
    ...(names.length > 0
      ? [`not in any backup, as a source is copied without other file systems in it: ${some(names)}`]
      : []),
    ...(shadowed.length > 0
      ? [`the mirror keeps old files of folders that a mount hides in the source: ${some(shadowed)}`]
      : []),
  ]
}

/** What to do about gaps. */
export function gapsRemedy({ path }: PathSource, { uncovered, shadowed }: Gaps): string {
  const [first] = [...uncovered.map((one) => one.path), ...shadowed]
  const pattern = path === '/' ? first : first?.slice(path.length)
  return uncovered.length > 0
    ? `make each a source of its own, or say that it is left out: \`exclude: [${pattern}/*]\``
    : `delete them in the mirror if nobody needs them, or say that they stay: \`exclude: [${pattern}/*]\``
}

/** `a, b, c, and 4 more`. */
export function some(names: readonly string[], most = 5): string {
  const more = names.length - most
  return `${names.slice(0, most).join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}
