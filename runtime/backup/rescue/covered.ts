import type { Config, Source } from '../../config/config.ts'
import { isWithin } from '../../config/left-out.ts'
import type { MachineFacts } from '../../host/machine/look.ts'
import type {
  MachineRecord,
  RecordedDevice,
  RecordedMount,
  RecordedSource,
  UncoveredMount,
} from '../../host/machine/record.ts'
import { isoOf } from '../../instant.ts'

type Facts = Pick<MachineFacts, 'devices' | 'mounts'>
type Configured = Pick<Config, 'sources' | 'targets'>

/** The record of the machine: what it told, and what the config says about it. @param now Milliseconds since the epoch. */
export function recordOf(facts: MachineFacts, config: Configured, now: number): MachineRecord {
  return {
    version: 1,
    recordedAt: isoOf(now),
    ...facts,
    fileSystems: machineMounts(facts, config),
    sources: Object.values(config.sources).map((source) => recordedSource(source, facts)),
    uncovered: uncoveredMounts(facts, config),
  }
}

function recordedSource(source: Source, facts: Facts): RecordedSource {
  const { name, target, archive } = source
  const common = { name, target, archived: Boolean(archive) }
  if (source.kind === 'path') return { ...common, place: source.path }
  const at = mountsOfVolume(source, facts)[0]?.at
  return { ...common, volume: `${source.vg}/${source.lv}`, ...(at !== undefined && { place: at }) }
}

/** Where a volume is mounted as a whole, the shortest path first. */
function mountsOfVolume({ vg, lv }: { vg: string; lv: string }, { devices, mounts }: Facts): RecordedMount[] {
  const paths = new Set([`/dev/${vg}/${lv}`, mapperPath(vg, lv)])
  const device = devices.find(({ path }) => paths.has(path))
  return mounts
    .filter((mount) => mount.device === device?.path && mount.root === '/')
    .sort((one, other) => one.at.length - other.at.length)
}

/** How device-mapper names a volume: a dash in a name is doubled. */
export function mapperPath(vg: string, lv: string): string {
  return `/dev/mapper/${[vg, lv].map((name) => name.replaceAll('-', '--')).join('-')}`
}

/**
 * Mounted file systems of the machine that no source covers, or of which only folders are backed up. Removable disks, and
 * disks that hold backups, do not count.
 */
export function uncoveredMounts(facts: Facts, config: Configured): UncoveredMount[] {
  const sources = Object.values(config.sources)
  const lasting = machineMounts(facts, config).filter(({ at }) => !['/tmp', '/var/tmp'].includes(at))
  return lasting.flatMap((mount) => {
    const volumes = sources.some(
      (source) =>
        source.kind === 'lv' && mountsOfVolume(source, facts).some(({ device }) => device === mount.device),
    )
    const folders = sources
      .flatMap((source) => (source.kind === 'path' ? source.path : []))
      .filter((path) => mountBelow(path, facts.mounts) === mount)
      .map((path) => (path === mount.at ? '' : path))
    if (volumes || folders.includes('')) return []
    return { at: mount.at, type: mount.type, only: folders.sort() }
  })
}

/** File systems that a rescue has to make again: each once, at the place where it is mounted as a whole. */
export function machineMounts(facts: Facts, { targets }: Pick<Config, 'targets'>): RecordedMount[] {
  const ofTargets = new Set(
    Object.values(targets).flatMap(({ path, mounts }) => [
      ...mounts.flatMap(({ at }) =>
        facts.mounts.filter((mount) => mount.at === at).map(({ device }) => device),
      ),
      mountBelow(path, facts.mounts)?.at === '/' ? '' : (mountBelow(path, facts.mounts)?.device ?? ''),
    ]),
  )
  const seen = new Set<string>()
  return facts.mounts
    .filter(({ at }) => !passing.some((path) => isWithin(at, path)))
    .filter(({ device }) => !ofTargets.has(device) && !deviceAt(device, facts.devices)?.removable)
    .sort((one, other) => one.at.length - other.at.length)
    .filter((mount) => {
      const key = `${mount.device} ${mount.root}`
      const isNew = !seen.has(key) && (mount.root === '/' || mount.type === 'btrfs')
      seen.add(key)
      return isNew
    })
}

/** Mounts here are temporary: plugged-in disks, hdsync's snapshots. */
const passing = ['/media', '/run', '/proc', '/sys', '/dev', '/snap']

function deviceAt(path: string, devices: readonly RecordedDevice[]): RecordedDevice | undefined {
  return devices.find((one) => one.path === path)
}

/** The mount that a path lies on. Of several at one place, the last one made. */
function mountBelow(path: string, mounts: readonly RecordedMount[]): RecordedMount | undefined {
  return mounts
    .filter(({ at }) => isWithin(path, at))
    .reduce<RecordedMount | undefined>(
      (best, mount) => (!best || mount.at.length >= best.at.length ? mount : best),
      undefined,
    )
}
