import { imageTypes, networkTypes } from '../../host/mount/filesystem.ts'
import type { BlockDevice, MountedFileSystem, Survey } from '../../host/survey.ts'

/** File systems that keep owners, links and names as Linux has them: what a mirror needs. */
const keepsEverything = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'reiserfs',
  'jfs',
  'f2fs',
  'zfs',
  'bcachefs',
])
/** A mounted file system on a disk of this machine. */
export interface LocalFileSystem extends MountedFileSystem {
  device: BlockDevice | undefined
  /** Names of the whole disks that it lies on; with LVM those of its volume group. */
  disks: Set<string>
}

export function canHoldMirrors(type: string | undefined): type is string {
  return type !== undefined && keepsEverything.has(type)
}

/** Each file system of this machine's own disks once, at the place nearest to the root, and why others are not. */
export function localFileSystems(survey: Survey): {
  local: LocalFileSystem[]
  leftOut: { what: string; why: string }[]
} {
  const local: LocalFileSystem[] = []
  const leftOut: { what: string; why: string }[] = []
  const seen = new Set<string>()
  // The last mount at a place hides the earlier ones.
  const tops = survey.mounts.filter(
    (mount, index) => !survey.mounts.slice(index + 1).some(({ at }) => at === mount.at),
  )
  for (const mount of tops.toSorted((one, other) => depth(one.at) - depth(other.at))) {
    const device = deviceOf(mount, survey)
    if (networkTypes.test(mount.type)) {
      leftOut.push({ what: mount.at, why: `it lies on the network (${mount.type}): back it up where it is` })
      continue
    }
    if ((!device && mount.type !== 'zfs') || imageTypes.has(mount.type) || isBind(mount)) continue
    const key = `${device?.name ?? mount.source} ${mount.root}`
    if (seen.has(key)) continue
    seen.add(key)
    if (device?.type === 'loop') {
      leftOut.push({ what: mount.at, why: 'it lies in a file, which is backed up where that is' })
      continue
    }
    local.push({ ...mount, device, disks: device ? disksOf(device, survey) : new Set() })
  }
  return { local, leftOut }
}

function depth(path: string): number {
  return path === '/' ? 0 : path.split('/').length - 1
}

/** A folder of a file system that is mounted elsewhere as well; subvolumes of btrfs are file systems of their own. */
function isBind({ type, root, options }: MountedFileSystem): boolean {
  if (type === 'zfs' || root === '/') return false
  return !(type === 'btrfs' && options.includes(`subvol=${root}`))
}

/** The number tells, but for btrfs and the like, which show one of their own. */
export function deviceOf(
  { number, source }: MountedFileSystem,
  { devices }: Survey,
): BlockDevice | undefined {
  const byNumber = number.startsWith('0:') ? undefined : devices.find((one) => one.number === number)
  return byNumber ?? devices.find(({ path, name }) => path === source || `/dev/${name}` === source)
}

/** The whole disks below a device, and below the rest of its volume group, into which it may grow. */
export function disksOf(device: BlockDevice, survey: Survey): Set<string> {
  const volume = survey.volumes.find((one) => one.device === device.number)
  const parts = survey.physicalVolumes
    .filter(({ vg }) => vg === volume?.vg)
    .flatMap(({ path }) => survey.devices.find((one) => one.path === path) ?? [])
  return new Set([device, ...parts].flatMap((one) => rootsOf(one, survey)))
}

function rootsOf(device: BlockDevice, survey: Survey): string[] {
  const parents = device.parents.flatMap((name) => survey.devices.find((one) => one.name === name) ?? [])
  return parents.length === 0 ? [device.name] : parents.flatMap((parent) => rootsOf(parent, survey))
}
