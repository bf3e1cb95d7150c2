import { snapshotSizeBytes } from '../../backup/snapshot-size.ts'
import type { Volume } from '../../host/lvm/lvm.ts'
import type { Survey } from '../../host/survey.ts'
import { formatBytes } from '../../units.ts'
import type { LocalFileSystem } from './file-systems.ts'
import { nameFor } from './names.ts'

/** What could be backed up. */
export interface ProposedSource {
  name: string
  /** Where it is mounted. */
  at: string
  /** `vg/lv` of a volume that gets snapshots; null for what is copied as it is used. */
  lv: string | null
  type: string
  disks: string[]
  usedBytes: number | null
  /** What its snapshot would have; null for a thin one, and without. */
  snapshotBytes: number | null
  exclude: string[]
  /** What should be known before it is chosen. */
  warning: string | null
}

/** Temporary files, what can be fetched again, and what hdsync itself writes while it copies. */
const worthless = [
  '/tmp/*',
  '/var/tmp/*',
  '/var/cache/apt/archives/*.deb',
  '/swapfile',
  '/swap.img',
  '/var/lib/hdsync/',
]

/** A source for each file system: by way of snapshots where there can be some. */
export function proposeSources(fileSystems: readonly LocalFileSystem[], survey: Survey): ProposedSource[] {
  const names = new Set<string>()
  const counted = new Set<string>()
  return fileSystems.map((fileSystem) => {
    const name = nameFor(fileSystem.at, names)
    names.add(name)
    const volume = survey.volumes.find(({ device }) => device && device === fileSystem.device?.number)
    // Subvolumes of btrfs share their room.
    const first = !counted.has(fileSystem.device?.name ?? '')
    counted.add(fileSystem.device?.name ?? '')
    const others = fileSystems.filter((one) => one !== fileSystem).map(({ at }) => at)
    return {
      name,
      at: fileSystem.at,
      type: fileSystem.type,
      disks: [...fileSystem.disks],
      usedBytes: (first ? fileSystem.device?.usedBytes : undefined) ?? null,
      exclude: worthless
        .filter((path) => nearest(path, [fileSystem.at, ...others]) === fileSystem.at)
        .map((path) => below(fileSystem.at, path)),
      ...(volume ? withSnapshot(volume, fileSystem) : { lv: null, snapshotBytes: null, warning: null }),
    }
  })
}

/** The path as seen from a folder above it, with a slash before it. */
export function below(folder: string, path: string): string {
  return folder === '/' ? path : path.slice(folder.length)
}

export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder === '/' ? '/' : `${folder}/`) && path !== folder
}

function nearest(path: string, folders: readonly string[]): string | undefined {
  return folders.filter((folder) => isBelow(path, folder)).sort((a, b) => b.length - a.length)[0]
}

type Way = Pick<ProposedSource, 'lv' | 'snapshotBytes' | 'warning'>

/** A volume gets snapshots if its group has room for them, and its file system bears them. */
function withSnapshot(volume: Volume, { type, at }: LocalFileSystem): Way {
  const lv = `${volume.vg}/${volume.lv}`
  const live = (why: string): Way => ({
    lv: null,
    snapshotBytes: null,
    warning: `${at} (${lv}) is copied while it is in use: ${why}`,
  })
  if (type === 'btrfs') return live('snapshots of btrfs cannot be made by LVM')
  if (volume.pool) return { lv, snapshotBytes: null, warning: null }
  const facts = {
    sizeBytes: volume.sizeBytes,
    ...volume.group,
    wanted: { size: 'auto' as const },
    usedBytes: [],
  }
  try {
    const snapshotBytes = snapshotSizeBytes(facts)
    const wish = snapshotSizeBytes({ ...facts, freeBytes: Number.MAX_SAFE_INTEGER })
    const warning =
      snapshotBytes < wish
        ? `${volume.vg} has ${formatBytes(snapshotBytes)} for a snapshot of ${lv}, ${formatBytes(wish)} would be better`
        : null
    return { lv, snapshotBytes, warning }
  } catch {
    return live(`${volume.vg} has no free extents for a snapshot; free some, then write \`lv: ${lv}\``)
  }
}
