import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LvSource, Target } from '../../config/config.ts'
import { RetryableError, TerminalError } from '../../errors.ts'
import { CommandError, type CommandRunner, createRunner, unobserved } from '../command/command.ts'
import { proveApart } from '../mount/apart.ts'
import { snapshotMountOptions, snapshotType } from '../mount/filesystem.ts'
import { kernelSaid, uptimeSeconds } from '../mount/kernel-log.ts'
import { mount, mountComplaint, unmount } from '../mount/mount.ts'
import { mountHolder } from '../mount/mount-holder.ts'
import { readMounts, topMountAt } from '../mount/mountinfo.ts'
import { proveRuntimeRoom } from '../mount/runtime-room.ts'
import { namesIn } from '../names-in.ts'
import { deviceMapperId, type SnapshotStatus, snapshotStatus } from './device-mapper.ts'
import { type Guard, type GuardedSnapshot, type GuardOptions, guardSnapshot } from './guard.ts'
import { isLeftOf, resume } from './half-made.ts'
import { fullName, Lvm, type Volume } from './lvm.ts'
import { poolProblem } from './pool.ts'
import { mountableType } from './volume-content.ts'

/** What an origin offers a snapshot. */
export interface Origin {
  sizeBytes: number
  /** Lies in a thin pool: its snapshot takes no size. */
  thin: boolean
  /** Room for a thick snapshot. */
  freeBytes: number
  extentBytes: number
}

export interface ReleasedSnapshot {
  vg: string
  lv: string
  sizeBytes: number | null
  usedPercent: number | null
}

/** A mounted snapshot that is known to be the one. */
export interface ProvenSnapshot extends GuardedSnapshot {
  /** Where it is mounted. */
  at: string
  sizeBytes: number
}

export type MountTrial = { mounted: true; at: string } | { mounted: false; reason: string; kernel: string[] }

/** Snapshots of sources. */
export interface Snapshots {
  /** @throws {TerminalError} The volume does not exist, cannot have a snapshot now, or one that could be mounted. */
  origin(source: LvSource): Promise<Origin>
  /** Takes the snapshot of this run. @param sizeBytes undefined for a thin one. */
  create(source: LvSource, run: string, sizeBytes: number | undefined): Promise<void>
  /** Mounts the snapshot of this run read-only, if mount(8) does. */
  mount(source: LvSource, run: string): Promise<MountTrial>
  /**
   * Proves that what is mounted is this run's snapshot of this source's volume, and that the target is not on it.
   * @throws {TerminalError} It is something else, or nothing.
   */
  prove(source: LvSource, run: string, target: Target): Promise<ProvenSnapshot>
  /** Watches the snapshot while it is read: see guard.ts. */
  guard(source: LvSource, snapshot: ProvenSnapshot, on: Pick<GuardOptions, 'onExtended' | 'onWarning'>): Guard
  /** Whether the snapshot has lost its contents by overflowing. */
  overflowed(snapshot: ProvenSnapshot): Promise<boolean>
  /**
   * Unmounts and removes every snapshot of ours of this source, of this run or an earlier one. Safe to repeat.
   * @param run A run whose own snapshot is known: no lvs(8) is needed if it still is what was proven.
   */
  release(source: LvSource, run?: string): Promise<ReleasedSnapshot[]>
}

/**
 * What this process knows of the snapshot that a run took of a source: lvs(8) is slow, and a snapshot slows down writes on
 * the live volume. Another process asks lvs(8).
 */
interface Life {
  run: string
  /** The path of its device node. */
  path: string
  /** `major:minor` of the live volume. */
  originDevice: string | undefined
  /** What was seen when it was proven. */
  proven?: { snapshot: ProvenSnapshot; id: string }
  /** How full it was when its last byte had been read. */
  status?: SnapshotStatus | undefined
  /** It was proven, and is gone. */
  isGone?: true
}

/** By store and source: each step of a run has a host of its own. */
const lives = new Map<string, Life>()

export interface SnapshotsOptions {
  runner: CommandRunner
  /** Names this event store: snapshots of another hdsync on the box are not ours. */
  store: string
  /** Where snapshots are mounted. */
  directory: string
  signal: AbortSignal
}

/** Time for a cancelled run to remove its snapshot. */
const undoMs = 300_000

/** Name of the snapshot of a source; LVM reserves several other forms. */
export function snapshotName(source: string): string {
  return `hdsync_${source}`
}

/**
 * A volume of our name and tags without an origin may be left by an interrupted lvcreate(8); see half-made.ts. If that
 * cannot be proven, it is never removed: the snapshot gets another name, and `hdsync check` reports it.
 */
function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n += 1) {
    const candidate = n === 1 ? name : `${name}.${n}`
    if (!taken.has(candidate)) return candidate
  }
}

/** The tags that make a snapshot ours. */
export function snapshotTags(store: string, run: string, source: string): string[] {
  return ['hdsync', `hdsync.store=${store}`, `hdsync.run=${run}`, `hdsync.source=${source}`]
}

/** Where a snapshot is mounted; a run's id has no dash in it. */
export function snapshotMountpoint(directory: string, run: string, source: string): string {
  return join(directory, `${run}-${source}`)
}

export function createSnapshots({ runner, store, directory, signal }: SnapshotsOptions): Snapshots {
  const lvm = new Lvm(runner)
  const mountpoint = (source: LvSource, run: string) => snapshotMountpoint(directory, run, source.name)
  const lifeKey = ({ name }: LvSource) => `${store}/${name}`
  function lifeOf(source: LvSource, run: string): Life | undefined {
    const life = lives.get(lifeKey(source))
    return life?.run === run ? life : undefined
  }

  const carriesOurTags = (volume: Volume, source: string) =>
    [`hdsync.store=${store}`, `hdsync.source=${source}`].every((tag) => volume.tags.includes(tag))
  /** The report of a release that had nothing to remove, for the `create` that follows: lvs(8) is slow. */
  let seen: { vg: string; volumes: Volume[] } | undefined
  const volumesOf = async (vg: string) => (seen?.vg === vg ? seen.volumes : lvm.volumes(vg))

  const isOurs = (volume: Volume, source: string) =>
    volume.origin !== undefined && carriesOurTags(volume, source)

  function find(volumes: readonly Volume[], source: LvSource, run: string): Volume {
    const snapshot = volumes.find(
      (volume) => isOurs(volume, source.name) && volume.tags.includes(`hdsync.run=${run}`),
    )
    if (!snapshot) throw new TerminalError(`the snapshot of ${source.vg}/${source.lv} is gone`)
    if (snapshot.origin !== source.lv) {
      throw new TerminalError(
        `${fullName(snapshot.vg, snapshot.lv)} is a snapshot of ${snapshot.origin}, not of ${source.lv}`,
      )
    }
    return snapshot
  }

  return {
    async origin(source) {
      const volumes = await volumesOf(source.vg)
      const volume = volumes.find(({ lv }) => lv === source.lv)
      if (!volume) {
        throw new TerminalError(`there is no logical volume ${source.vg}/${source.lv}`, {
          hint: `lvs ${source.vg} lists those that there are`,
        })
      }
      if (!volume.device) {
        throw new TerminalError(`${source.vg}/${source.lv} is not active`, {
          hint: `lvchange --activate y ${source.vg}/${source.lv}`,
        })
      }
      const pool = volumes.find(({ lv }) => lv === volume.pool)
      const problem = pool && poolProblem(pool)
      if (problem) throw problem
      const taken = volumes.find(({ lv }) => lv === snapshotName(source.name))
      if (taken && !carriesOurTags(taken, source.name)) {
        throw new TerminalError(
          `${fullName(taken.vg, taken.lv)} is not a snapshot of this hdsync, and is left alone`,
          {
            hint: `rename or remove it: lvs -o +lv_tags,origin ${fullName(taken.vg, taken.lv)}`,
          },
        )
      }
      // Checked before functions at the gate are called.
      await mountableType(runner, volume, readMounts())
      return { sizeBytes: volume.sizeBytes, thin: pool !== undefined, ...volume.group }
    },

    async create(source, run, sizeBytes) {
      proveRuntimeRoom(directory)
      lives.delete(lifeKey(source))
      const volumes = await volumesOf(source.vg)
      const names = new Set(volumes.map((volume) => volume.lv))
      const originDevice = volumes.find(({ lv }) => lv === source.lv)?.device
      const lv = freeName(snapshotName(source.name), names)
      const tags = snapshotTags(store, run, source.name)
      seen = undefined
      try {
        await lvm.create({ vg: source.vg, origin: source.lv, lv, tags, sizeBytes })
      } catch (error) {
        // The first error is the one to report; the next start removes what is left.
        await undo(source, { lv, tags, before: new Set(volumes.map(({ uuid }) => uuid)) }, error).catch(
          () => {},
        )
        throw error
      }
      lives.set(lifeKey(source), { run, path: `/dev/${fullName(source.vg, lv)}`, originDevice })
    },

    async mount(source, run) {
      // `prove` checks it before it is read.
      const snapshot = lifeOf(source, run) ?? (await look(source, run))
      const at = mountpoint(source, run)
      proveRuntimeRoom(directory)
      mkdirSync(at, { recursive: true, mode: 0o700 })
      const since = uptimeSeconds()
      try {
        const live = readMounts().find(({ device }) => device === snapshot.originDevice)
        const type = await snapshotType(runner, snapshot.path, live)
        if (!type) return { mounted: false, reason: 'no file system is recognised on it', kernel: [] }
        await mount(runner, { device: snapshot.path, at, type, options: snapshotMountOptions(type, live) })
        return { mounted: true, at }
      } catch (error) {
        if (!(error instanceof CommandError) || error.exitCode === undefined) throw error
        return { mounted: false, reason: mountComplaint(error), kernel: await kernelSaid(runner, since) }
      }
    },

    async prove(source, run, target) {
      const volumes = await lvm.volumes(source.vg)
      const snapshot = find(volumes, source, run)
      const at = mountpoint(source, run)
      const mounted = topMountAt(readMounts(), at)
      if (!mounted) throw new TerminalError(`nothing is mounted at ${at}: not synced`)
      if (mounted.device !== snapshot.device || mounted.root !== '/') {
        throw new TerminalError(
          `${at} shows device ${mounted.device}, not the snapshot ${fullName(snapshot.vg, snapshot.lv)} (${snapshot.device}): not synced`,
        )
      }
      const { vg, lv, pool, sizeBytes, dataPercent } = snapshot
      const inPool = volumes.find((volume) => volume.lv === pool)
      const problem = inPool && poolProblem(inPool)
      if (problem) throw problem
      const origin = volumes.find((volume) => volume.lv === source.lv)
      proveApart(source, target, { volume: origin?.device })
      const originBytes = origin?.sizeBytes ?? sizeBytes
      const proven = {
        vg,
        lv,
        pool,
        sizeBytes,
        originBytes,
        at,
        device: mounted.device,
        usedPercent: dataPercent,
      }
      const life = lifeOf(source, run)
      const id = deviceMapperId(mounted.device)
      if (life && id !== undefined) life.proven = { snapshot: proven, id }
      return proven
    },

    guard(source, snapshot, on) {
      const looking = createRunner({ observer: unobserved, signal, owner: store })
      return guardSnapshot(snapshot, source, {
        ...on,
        lvm,
        looking: { runner: looking, lvm: new Lvm(looking) },
      })
    },

    async overflowed(snapshot) {
      const status = await snapshotStatus(runner, snapshot.device)
      // A renamed volume is not the one that was read.
      if (!status && !snapshot.pool) {
        throw new TerminalError(`${fullName(snapshot.vg, snapshot.lv)} is no snapshot any more: not believed`)
      }
      const life = lives.values().find(({ proven }) => proven?.snapshot === snapshot)
      if (life) life.status = status
      return status?.invalid ?? false
    },

    async release(source, run) {
      for (const name of namesIn(directory)) {
        if (name.slice(name.indexOf('-') + 1) !== source.name) continue
        const at = join(directory, name)
        // Mounts may be stacked after an attempt that was killed.
        while (topMountAt(readMounts(), at)) await unmount(runner, at)
        rmdirSync(at)
      }
      const life = run === undefined ? undefined : lifeOf(source, run)
      if (life?.isGone) return []
      const removed = life && (await removeProven(source, life))
      if (removed) return [removed]
      const released: ReleasedSnapshot[] = []
      const volumes = await lvm.volumes(source.vg)
      for (const snapshot of volumes) {
        if (!isOurs(snapshot, source.name)) continue
        await remove(snapshot)
        released.push({
          vg: snapshot.vg,
          lv: snapshot.lv,
          sizeBytes: snapshot.pool ? null : snapshot.sizeBytes,
          usedPercent: snapshot.pool ? null : (snapshot.dataPercent ?? null),
        })
      }
      seen = released.length === 0 ? { vg: source.vg, volumes } : undefined
      return released
    },
  }

  /** What lvs(8) tells of the snapshot of a run. */
  async function look(source: LvSource, run: string): Promise<Pick<Life, 'path' | 'originDevice'>> {
    const volumes = await lvm.volumes(source.vg)
    const { path } = find(volumes, source, run)
    return { path, originDevice: volumes.find(({ lv }) => lv === source.lv)?.device }
  }

  /**
   * Removes the snapshot that was proven, if it still is that one.
   * @returns undefined when anything is unexpected: the caller then goes by lvs(8).
   */
  async function removeProven(source: LvSource, life: Life): Promise<ReleasedSnapshot | undefined> {
    if (!life.proven) return undefined
    const { snapshot, id } = life.proven
    const { vg, lv, device, pool } = snapshot
    const isThere = () => deviceMapperId(device) === id
    if (!isThere() || mountHolder(device)) return undefined
    try {
      const status = pool ? undefined : (life.status ?? (await snapshotStatus(runner, device)))
      if (!pool && (!status || status.invalid)) return undefined
      await lvm.removeProven({ vg, lv, origin: source.lv, tags: snapshotTags(store, life.run, source.name) })
      if (isThere()) return undefined
      life.isGone = true
      return { vg, lv, sizeBytes: status?.totalBytes ?? null, usedPercent: status?.usedPercent ?? null }
    } catch {
      // The next attempt reports what is wrong with it.
      return undefined
    }
  }

  /** Removes what a failed or interrupted lvcreate of this run has left. */
  async function undo(
    source: LvSource,
    { lv, tags, before }: { lv: string; tags: readonly string[]; before: ReadonlySet<string> },
    error: unknown,
  ): Promise<void> {
    // A cancelled run starts no more commands with its own runner.
    const working = signal.aborted
      ? createRunner({ observer: unobserved, signal: AbortSignal.timeout(undoMs), owner: store })
      : runner
    const tools = new Lvm(working)
    // It was killed or hung: the volume must not stay suspended.
    if (error instanceof CommandError && (error.exitCode === undefined || error.timedOut)) {
      await resume(source, working)
    }
    const volume = (await tools.volumes(source.vg)).find((one) => one.lv === lv)
    if (!volume) return
    if (isLeftOf(volume, tags, before)) {
      await tools.removeLeft({ vg: source.vg, lv, uuid: volume.uuid, tags })
    } else if (volume.origin === source.lv) {
      await tools.removeProven({ vg: source.vg, lv, origin: source.lv, tags })
    }
  }

  /** Repeated, as something (udev, a scanner) may hold the device for a moment after the unmount. */
  async function remove(snapshot: Volume): Promise<void> {
    const name = fullName(snapshot.vg, snapshot.lv)
    for (const pauseMs of [200, 1000, 3000, undefined]) {
      const holder = snapshot.device && mountHolder(snapshot.device)
      try {
        if (holder) throw new RetryableError(`${name} is still mounted ${holder}`)
        await lvm.remove(snapshot)
        return
      } catch (error) {
        if (pauseMs === undefined || error instanceof TerminalError) throw error
        await sleep(pauseMs, undefined, { signal })
      }
    }
  }
}
