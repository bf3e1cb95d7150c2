import { basename } from 'node:path'
import type { BlockDevice, Survey } from '../../host/survey.ts'
import { canHoldMirrors, deviceOf, disksOf, type LocalFileSystem } from './file-systems.ts'
import { nameFor } from './names.ts'
import type { ProposedSource } from './sources.ts'

/** Where backups could live. */
export interface Candidate {
  name: string
  /** Where it is mounted, or would be. */
  at: string
  mounted: boolean
  /** `UUID=…` or a path; null where nothing has to be mounted: for a plain folder, or a part of a file system. */
  device: string | null
  /** As the kernel calls it, for people: /dev/sdb1. */
  path: string
  type: string
  disks: string[]
  sizeBytes: number | null
  /** null while it is not mounted: nobody knows then. */
  freeBytes: number | null
  /** Taken unless somebody says otherwise: it looks like a place for backups, and stays where it is. */
  likely: boolean
  removable: boolean
}

/** Whether something could be mounted at a path without hiding anything. */
export type IsFree = (path: string) => boolean

const backupPlace = /(^|\/)(mnt|media|backup|bak|hdd|mirror|archiv)/i

/** Whether a mounted file system looks like a place for backups: on disks of its own, where one puts such things. */
export function looksLikeTarget(
  { at, type, device, disks, options }: LocalFileSystem,
  systemDisks: ReadonlySet<string>,
): boolean {
  if (!canHoldMirrors(type) || options.includes('ro') || disks.size === 0) return false
  if (![...disks].every((disk) => !systemDisks.has(disk))) return false
  return device?.removable || backupPlace.test(at) || backupPlace.test(device?.label ?? '')
}

export function mountedCandidate(fileSystem: LocalFileSystem, names: ReadonlySet<string>): Candidate {
  const { at, type, device, disks, root } = fileSystem
  const removable = device?.removable ?? false
  return {
    name: nameFor(at, names),
    at,
    mounted: true,
    device: root === '/' && device ? stableName(device) : null,
    path: device?.path ?? fileSystem.source,
    type,
    disks: [...disks],
    sizeBytes: device?.sizeBytes ?? null,
    freeBytes: device?.freeBytes ?? null,
    likely: !removable,
    removable,
  }
}

/** File systems that are mounted nowhere, on disks that no source lies on. */
export function unmountedCandidates(
  survey: Survey,
  sources: readonly ProposedSource[],
  taken: { names: ReadonlySet<string>; isFree: IsFree },
): Candidate[] {
  const sourceDisks = new Set(sources.flatMap(({ disks }) => disks))
  const mounted = new Set(survey.mounts.flatMap((mount) => deviceOf(mount, survey)?.name ?? []))
  const snapshots = new Set(survey.volumes.flatMap(({ origin, device }) => (origin && device ? device : [])))
  const names = new Set(taken.names)
  const places = new Set<string>()
  return survey.devices
    .filter((device) => {
      const free = !device.hasChildren && !device.readOnly && !mounted.has(device.name)
      if (!free || snapshots.has(device.number) || device.type === 'loop') return false
      return (
        canHoldMirrors(device.fileSystem) &&
        [...disksOf(device, survey)].every((disk) => !sourceDisks.has(disk))
      )
    })
    .map((device): Candidate => {
      const at = freePlace(device, (path) => !places.has(path) && taken.isFree(path))
      const name = nameFor(at, names)
      places.add(at)
      names.add(name)
      return {
        name,
        at,
        mounted: false,
        device: stableName(device),
        path: device.path,
        type: device.fileSystem ?? '',
        disks: [...disksOf(device, survey)],
        sizeBytes: device.sizeBytes,
        freeBytes: null,
        likely: !device.removable,
        removable: device.removable,
      }
    })
}

/** Device names change from boot to boot. */
function stableName({ uuid, path }: BlockDevice): string {
  return uuid && /^[\w-]+$/.test(uuid) ? `UUID=${uuid}` : path
}

function freePlace({ label, name }: BlockDevice, isFree: IsFree): string {
  const word = label && /^[A-Za-z][\w-]{0,30}$/.test(label) ? label : 'backup'
  const wishes = [`/mnt/${word}`, `/mnt/backup-${basename(name)}`]
  return wishes.find(isFree) ?? `/mnt/hdsync-${basename(name)}`
}

/** The best first: likely ones, those that are mounted, those with the most room. */
export function byPreference(one: Candidate, other: Candidate): number {
  const room = ({ freeBytes, sizeBytes }: Candidate) => freeBytes ?? sizeBytes ?? 0
  return (
    Number(other.likely) - Number(one.likely) ||
    Number(other.mounted) - Number(one.mounted) ||
    room(other) - room(one)
  )
}
