import type { Mount as ConfiguredMount, Source, Target } from '../../config/config.ts'
import { storedOn } from '../../config/lookup.ts'
import { proveApart, proveArchiveApart, proveStateApart, StrayMirrorError } from '../../host/mount/apart.ts'
import { mountOf } from '../../host/mount/mountinfo.ts'
import { lookAround, realPath } from '../../host/mount/real-path.ts'
import { devicePath } from '../../host/target/targets.ts'
import type { Box } from './box.ts'
import { disksOf, disksOfMount } from './disks.ts'
import { type Finding, refused, warning } from './finding.ts'

/** What something lies on: its device, if it is active, and the disks below that. */
interface Ground {
  device: string | undefined
  disks: Set<string>
}

/** A backup on the disk, or in the volume group, of its source is lost with it. */
export async function checkSameDisk(target: Target, box: Box): Promise<Finding[]> {
  const ground = await groundOfTarget(target, box)
  const shared = new Map<string, string[]>()
  const findings: Finding[] = []
  for (const source of storedOn(target, box.config)) {
    const inside = await checkApart(source, target, box)
    if (inside) {
      findings.push(inside)
      continue
    }
    const where = await sharedGround(source, ground, box)
    if (where) shared.set(where, [...(shared.get(where) ?? []), source.name])
  }
  const warnings = [...shared].map(([where, names]) => {
    const finding = `it lies on ${where}, as does what it keeps of ${names.join(', ')}: both would be lost together`
    return warning('target.same-disk', `target ${target.name}`, finding, 'back up to another disk')
  })
  return [...findings, ...warnings]
}

/** A run refuses a mirror that would hold itself. */
async function checkApart(source: Source, target: Target, box: Box): Promise<Finding | undefined> {
  if (!isThere(target, box)) return undefined
  const volumes = source.kind === 'lv' ? await box.volumes(source.vg).catch(() => []) : []
  const volume = source.kind === 'lv' && volumes.find(({ lv }) => lv === source.lv)?.device
  const seen = { sight: lookAround(box.mounts), ...(volume && { volume }) }
  const about = `target ${target.name}`
  try {
    if (source.target === target.name) {
      proveApart(source, target, seen)
      proveStateApart(box.config.state, source, target, seen.sight)
    } else proveArchiveApart(source, target, seen)
    return undefined
  } catch (thrown) {
    return refused(
      thrown instanceof StrayMirrorError ? 'target.stray-mirror' : 'target.on-source',
      about,
      thrown,
    )
  }
}

async function sharedGround(source: Source, target: Ground, box: Box): Promise<string | undefined> {
  const volumes = source.kind === 'lv' ? await box.volumes(source.vg).catch(() => []) : []
  const origin =
    source.kind === 'lv'
      ? groundOf(volumes.find(({ lv }) => lv === source.lv)?.device)
      : groundAt(source.path, box)
  const disks = [...origin.disks].filter((disk) => target.disks.has(disk))
  if (disks.length > 0) return `disk ${disks.join(', ')}`
  if (origin.device !== undefined && origin.device === target.device) return 'the same file system'
  if (source.kind !== 'lv') return undefined
  const isInGroup = volumes.some(({ device }) => device !== undefined && device === target.device)
  return isInGroup ? `volume group ${source.vg}` : undefined
}

async function groundOfTarget(target: Target, box: Box): Promise<Ground> {
  const below = diskBelow(target)
  return below && !isThere(target, box) ? groundOfAbsent(below, box) : groundAt(target.path, box)
}

/** The configured disk that a target's path lies on, if it is not always mounted. */
function diskBelow({ mounts, path }: Target): ConfiguredMount | undefined {
  return mounts.findLast(({ at }) => path === at || path.startsWith(`${at}/`))
}

/** Not so between runs, when what lies below the mount point is seen instead. */
function isThere(target: Target, { mounts }: Box): boolean {
  const below = diskBelow(target)
  return !below || mountOf(mounts, realPath(target.path))?.at === realPath(below.at)
}

function groundAt(path: string, { mounts }: Box): Ground {
  const mount = mountOf(mounts, realPath(path))
  return { device: mount?.device, disks: mount ? disksOfMount(mount) : new Set() }
}

function groundOf(device: string | undefined): Ground {
  return { device, disks: device ? disksOf(device) : new Set() }
}

async function groundOfAbsent({ device }: ConfiguredMount, { runner }: Box): Promise<Ground> {
  try {
    return { device: undefined, disks: disksOf(await devicePath(runner, device)) }
  } catch {
    // It is not there: that is said elsewhere.
    return { device: undefined, disks: new Set() }
  }
}
