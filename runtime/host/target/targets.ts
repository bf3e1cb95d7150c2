import { statSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Source, Target } from '../../config/config.ts'
import { isWithin } from '../../config/left-out.ts'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { noteSight } from '../last-sight.ts'
import { proveApart, proveArchiveApart, proveStateApart } from '../mount/apart.ts'
import { deviceNumber, isFrom } from '../mount/devices.ts'
import { type Ledger, mountOfEntry } from '../mount/ledger.ts'
import { mount, remountToWrite, unmount } from '../mount/mount.ts'
import { type Mount, mountOf, readMounts, topMountAt } from '../mount/mountinfo.ts'
import { lookAround, realPath, touch } from '../mount/real-path.ts'
import { type Claimed, claimSources, foreignOf, foreignText, readClaims } from './claims.ts'
import { doorText } from './doors.ts'
import { readMarker } from './marker.ts'

/** Targets: their disks mounted, proven to be the right ones, and unmounted again. */
export interface Targets {
  /**
   * Mounts what is not mounted yet, in the order of the config, and proves the target.
   * @returns Who else can get at it; a run is degraded by that. It is noted too, see `noteSight`.
   * @throws {TerminalError} A disk is missing, another one is there, or the marker is not.
   */
  open(target: Target, run: string): Promise<string[]>
  /**
   * Claims what these sources are about to write, before anything is written.
   * @param target It has been proven.
   * @throws {TerminalError} Whose what is, cannot be told or written.
   */
  claim(target: Target, sources: readonly string[]): Claimed
  /** What `claim` would refuse. */
  foreign(target: Target, sources: readonly string[]): Claimed
  /** Only mounts; for `target adopt`, which makes the marker. */
  mount(target: Target, run: string): Promise<void>
  /**
   * Mounts read-only what is not mounted yet, and proves that this is the target: to read backups.
   * @throws {TerminalError} A disk is missing, another one is there, or the marker is not.
   */
  mountToRead(target: Target, run: string): Promise<void>
  /**
   * Proves that this is the target: each configured mount is there, from the configured device, writable,
   * and the marker names this target. To be called before each write to it.
   * @param source What is to be written to its mirror: see `proveApart`.
   * @throws {TerminalError} It is not.
   */
  prove(target: Target, source?: Source): Promise<void>
  /**
   * Proves that neither the mirror of a source nor its archives lie in it, nor it in them, and that the mirror is on the
   * target's own disks.
   * @param target It has been opened, as has `archives`, where the archives of the mirror lie. `state`, the folder of the
   *   event store, must not lie in the mirror.
   * @throws {TerminalError} They do.
   */
  proveApart(source: Source, target: Target, others?: { archives?: Target | undefined; state?: string }): void
  /** Unmounts what `open` mounted in this run, in reverse. */
  close(run: string): Promise<void>
}

/**
 * @param store The event store, in whose name mirrors are claimed.
 * @param state The state directory.
 */
export function createTargets(runner: CommandRunner, ledger: Ledger, store: string, state: string): Targets {
  const owner = { store, host: hostname() }
  /** @returns What is there already. */
  async function mountOne(
    target: Target,
    { device, at, type, options = [] }: Target['mounts'][number],
    run: string,
    more: readonly string[],
  ): Promise<Mount | undefined> {
    const path = await devicePath(runner, device)
    const number = deviceNumber(path, device)
    const real = mountPoint(target, at)
    const there = topMountAt(readMounts(), real)
    if (there) {
      proveDevice(target, at, device, number, there)
      return there
    }
    proveMountPoint(target, at)
    ledger.record({ run, at: real, device: number })
    await mount(runner, { device: path, at: real, type, options: [...options, ...more, 'nodev', 'nosuid'] })
    const shown = topMountAt(readMounts(), real)?.device
    if (shown !== number) ledger.record({ run, at: real, device: number, shown })
    return undefined
  }
  const targets: Targets = {
    async open(target, run) {
      await targets.mount(target, run)
      await targets.prove(target)
      return noteSight(state, target).map(doorText)
    },

    claim: (target, sources) => claimSources(target, sources, owner),

    foreign(target, sources) {
      const foreign = foreignOf(readClaims(target.path), sources, store)
      const refused = new Map([...foreign].map(([name, by]) => [name, foreignText(name, target, by, owner)]))
      return { refused, found: [] }
    },

    async mount(target, run) {
      for (const one of target.mounts) {
        const there = await mountOne(target, one, run, [])
        // Whoever read there was killed, or still reads.
        if (there && isReadOnly(there) && ledger.entries().some((entry) => entry.at === there.at)) {
          ledger.record({ run, at: there.at, device: there.device })
          await remountToWrite(runner, there.at)
        }
      }
    },

    async mountToRead(target, run) {
      for (const one of target.mounts) await mountOne(target, one, run, ['ro'])
      proveMarker(target)
    },

    async prove(target, source) {
      touch(target.path)
      if (source?.kind === 'path') touch(source.path)
      const points = target.mounts.map(({ device, at }) => ({ device, at, real: mountPoint(target, at) }))
      const mounts = readMounts()
      for (const { device, at, real } of points) {
        const there = topMountAt(mounts, real)
        if (!there)
          throw new TerminalError(`target ${target.name}: nothing is mounted at ${at} (expected ${device})`)
        proveDevice(target, at, device, deviceNumber(await devicePath(runner, device), device), there)
        proveWritable(target, there)
      }
      const below = mountOf(mounts, realPath(target.path))
      if (below) proveWritable(target, below)
      proveMarker(target)
      if (source) proveApart(source, target, { sight: lookAround(mounts) })
    },

    proveApart(source, target, { archives, state } = {}) {
      if (source.kind === 'path') touch(source.path)
      const sight = lookAround()
      proveApart(source, target, { sight })
      if (archives) proveArchiveApart(source, archives, { sight })
      if (state) proveStateApart(state, source, target, sight)
    },

    async close(run) {
      const ours = ledger.entries().filter((entry) => entry.run === run)
      for (const entry of inClosingOrder(ours)) {
        const there = mountOfEntry(entry)
        if (there) await unmount(runner, there.at)
        ledger.strike(entry.at)
      }
    },
  }
  return targets
}

/**
 * Where the kernel mounts what the config wants at a path that may have links in it. Whatever an automounter has to put
 * there is there then.
 * @throws {TerminalError} A link on one disk of a target leads away from it.
 */
export function mountPoint({ name, mounts }: Target, at: string): string {
  touch(at)
  const real = realPath(at)
  const parent = mounts.findLast((other) => other.at !== at && isWithin(at, other.at))
  if (!parent || isWithin(real, realPath(parent.at))) return real
  throw new TerminalError(`target ${name}: ${at} leads away from ${parent.at}, to ${real}`, {
    hint: `put a folder in place of the link on ${parent.device}`,
  })
}

/** Deeper paths were mounted later, and go first; what is beside each other, by its path. */
export function inClosingOrder<T extends { at: string }>(mounts: readonly T[]): T[] {
  return mounts.toSorted((one, other) => other.at.length - one.at.length || (one.at < other.at ? -1 : 1))
}

/** The device node that `UUID=…`, `LABEL=…` and the like stand for. @see findfs(8) */
export async function devicePath(runner: CommandRunner, device: string): Promise<string> {
  if (device.startsWith('/')) return device
  const { stdout, exitCode } = await runner.run({
    argv: ['findfs', device],
    timeoutMs: 30_000,
    accept: [0, 1, 2],
  })
  if (exitCode === 0) return stdout.trim()
  throw new TerminalError(`there is no disk with ${device}`, { hint: 'is it plugged in? blkid lists all' })
}

/**
 * Whether something else than its own disks is mounted where a target is.
 * @throws {TerminalError} One of its disks is not there.
 */
export async function holdsOtherDisk(
  target: Target,
  runner: CommandRunner,
  mounts: readonly Mount[],
): Promise<boolean> {
  for (const { device, at } of target.mounts) {
    const there = topMountAt(mounts, realPath(at))
    const number = deviceNumber(await devicePath(runner, device), device)
    if (there && !isFrom(there, number)) return true
  }
  return false
}

function proveDevice(target: Target, at: string, device: string, number: string, there: Mount): void {
  if (isFrom(there, number)) return
  throw new TerminalError(
    `target ${target.name}: ${at} holds ${there.source} (${there.device}), not ${device} (${number})`,
    {
      hint: `umount ${at}, or correct \`device\` in the config`,
    },
  )
}

function proveMountPoint(target: Target, at: string): void {
  let reason: string | undefined
  try {
    if (!statSync(at).isDirectory()) reason = 'it is not a directory'
  } catch (error) {
    reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : (error as Error).message
  }
  if (!reason) return
  throw new TerminalError(`target ${target.name}: cannot mount at ${at}: ${reason}`, {
    hint: `mkdir -p ${at}`,
  })
}

function proveWritable(target: Target, mounted: Mount): void {
  if (!isReadOnly(mounted)) return
  throw new TerminalError(`target ${target.name}: ${mounted.at} is mounted read-only`, {
    hint: 'the kernel does that after errors on the disk: see dmesg',
  })
}

function isReadOnly({ options, superOptions }: Mount): boolean {
  return options.includes('ro') || superOptions.includes('ro')
}

function proveMarker({ name, path }: Target): void {
  const marker = readMarker(path)
  if (!marker) {
    throw new TerminalError(`target ${name}: ${path} has no marker file .hdsync-target`, {
      hint: `if this is the right disk: hdsync target adopt ${name}`,
    })
  }
  if (marker.target === name) return
  throw new TerminalError(`target ${name}: the disk at ${path} was adopted as target ${marker.target}`, {
    hint: `wrong disk? if it is meant to be ${name} now: hdsync target adopt ${name} --again`,
  })
}
