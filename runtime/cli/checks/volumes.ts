import { existsSync } from 'node:fs'
import { snapshotSizeBytes } from '../../backup/snapshot-size.ts'
import type { LvSource } from '../../config/config.ts'
import { cachedHint, fullName, type Volume } from '../../host/lvm/lvm.ts'
import { type Origin, snapshotName } from '../../host/lvm/snapshots.ts'
import { UnmountableError } from '../../host/lvm/volume-content.ts'
import { snapshotType } from '../../host/mount/filesystem.ts'
import { formatBytes } from '../../units.ts'
import type { Box } from './box.ts'
import type { IdOf } from './conditions.ts'
import { type Finding, ok, refused, warning } from './finding.ts'

/** From how full a thin pool is worth a look; from 95 % on no snapshot is taken. */
const poolWarnPercent = 80

/** Whether a snapshot of a source's volume could be taken and mounted now. */
export async function checkVolume(source: LvSource, box: Box): Promise<Finding[]> {
  const about = `source ${source.name}`
  let volumes: Volume[] = []
  try {
    volumes = await box.volumes(source.vg)
    const origin = await box.snapshots.origin(source)
    return [
      ...checkRoom(source, origin),
      ...checkPool(source, volumes),
      ...(await checkCache(source, volumes, box)),
      ...(await checkType(source, volumes, box)),
    ]
  } catch (thrown) {
    return [refused(reasonId(thrown, source, volumes), about, thrown)]
  }
}

/** Which of the conditions it is that the driver refuses; its words tell the rest. */
function reasonId(thrown: unknown, source: LvSource, volumes: readonly Volume[]): IdOf<'error'> {
  if (thrown instanceof UnmountableError) {
    return thrown.hasFileSystem ? 'lvm.unsupported-file-system' : 'lvm.no-file-system'
  }
  if (volumes.length === 0) return 'lvm.unreadable'
  const volume = volumes.find(({ lv }) => lv === source.lv)
  if (!volume) return 'lvm.no-volume'
  if (!volume.device) return 'lvm.inactive'
  const taken = volumes.some(({ lv }) => lv === snapshotName(source.name))
  return volume.pool && !taken ? 'lvm.pool-full' : 'lvm.name-taken'
}

function checkRoom(source: LvSource, origin: Origin): Finding[] {
  const about = `source ${source.name}`
  const name = `${fullName(source.vg, source.lv)}, ${formatBytes(origin.sizeBytes)}`
  if (origin.thin) return [ok('lvm.ok', about, `${name}, thin: a snapshot needs no room of its own`)]
  const facts = { ...origin, wanted: source.snapshot, usedBytes: [] }
  try {
    const sizeBytes = snapshotSizeBytes(facts)
    const wished = snapshotSizeBytes({ ...facts, freeBytes: Number.MAX_SAFE_INTEGER })
    if (sizeBytes >= wished) {
      return [ok('lvm.ok', about, `${name}: there is room for a snapshot of ${formatBytes(sizeBytes)}`)]
    }
    const finding = `${name}: only ${formatBytes(sizeBytes)} are free for a snapshot, ${formatBytes(wished)} would be better`
    return [warning('lvm.few-free-extents', about, finding, `free extents in ${source.vg}: vgs, lvs`)]
  } catch (thrown) {
    return [refused('lvm.no-free-extents', about, thrown)]
  }
}

function checkPool(source: LvSource, volumes: readonly Volume[]): Finding[] {
  const volume = volumes.find(({ lv }) => lv === source.lv)
  const pool = volumes.find(({ lv }) => lv === volume?.pool)
  if (!pool) return []
  const name = fullName(pool.vg, pool.lv)
  return (['data', 'metadata'] as const).flatMap((what) => {
    const percent = pool[`${what}Percent`] ?? 0
    if (percent < poolWarnPercent) return []
    const option = what === 'data' ? '--size' : '--poolmetadatasize'
    const finding = `the thin pool ${name} has ${percent}% of its ${what} in use`
    return warning('lvm.pool-filling', `source ${source.name}`, finding, `lvextend ${option} +1G ${name}`)
  })
}

/** LVM checks a cache whenever it loads it anew, as it does for a snapshot. One that is in use may not pass. */
async function checkCache(source: LvSource, volumes: readonly Volume[], box: Box): Promise<Finding[]> {
  const volume = volumes.find(({ lv }) => lv === source.lv)
  if (!volume?.layout.split(',').includes('cache')) return []
  const argv = ['lvmconfig', '--type', 'full', 'global/cache_check_executable'] as const
  const said = await box.runner.run({ argv, timeoutMs: 30_000 }).catch(() => undefined)
  const program = /^cache_check_executable="(.*)"$/m.exec(said?.stdout ?? '')?.[1]
  if (program !== undefined && !existsSync(program)) return []
  const name = fullName(source.vg, source.lv)
  const finding = `${name} is cached: LVM takes no snapshot of it where its own check of the cache fails, as it may while that is in use`
  return [warning('lvm.cached', `source ${source.name}`, finding, `if a run says so: ${cachedHint(name)}`)]
}

async function checkType(source: LvSource, volumes: readonly Volume[], box: Box): Promise<Finding[]> {
  const about = `source ${source.name}`
  const volume = volumes.find(({ lv }) => lv === source.lv)
  const live = box.mounts.find(({ device }) => device === volume?.device)
  const type = volume && (await snapshotType(box.runner, volume.path, live))
  if (type === 'xfs') {
    return [ok('lvm.nouuid', about, 'its file system is xfs: snapshots are mounted with nouuid')]
  }
  return [ok('lvm.file-system', about, `its file system is ${type}`)]
}

/** Thick snapshots of others, which cost each write to a source's volume, or hold nothing any more. */
export async function checkForeignSnapshots(box: Box): Promise<Finding[]> {
  const sources = Object.values(box.config.sources).filter((one) => one.kind === 'lv')
  const groups = new Set(sources.map(({ vg }) => vg))
  const all = await Promise.all([...groups].map((vg) => box.volumes(vg).catch(() => [])))
  return all
    .flat()
    .filter(({ origin, pool, tags }) => origin && !pool && !tags.includes('hdsync'))
    .flatMap(({ vg, lv, origin, invalid }) => {
      const name = fullName(vg, lv)
      const about = `volume group ${vg}`
      const remedy = `if nobody needs it: lvremove ${name}`
      if (invalid) {
        const finding = `the snapshot ${name} of ${origin} has overflowed, and only slows writes down`
        return [warning('lvm.overflowed-snapshot', about, finding, remedy)]
      }
      if (!sources.some((one) => one.vg === vg && one.lv === origin)) return []
      const finding = `${name} is a snapshot of ${origin} that is not hdsync's: it slows writes to ${origin} down`
      return [warning('lvm.foreign-snapshot', about, finding, remedy)]
    })
}
