import { statSync } from 'node:fs'
import type { Target } from '../config/config.ts'
import { TerminalError } from '../errors.ts'
import type { CommandRunner } from './command.ts'
import type { Ledger } from './ledger.ts'
import { readMarker } from './marker.ts'
import { mount, unmount } from './mount.ts'
import { type Mount, mountOf, readMounts, topMountAt } from './mountinfo.ts'

/** Targets: their disks mounted, proven to be the right ones, and unmounted again. */
export interface Targets {
  /**
   * Mounts what is not mounted yet, in the order of the config, and proves the target.
   * @throws {TerminalError} A disk is missing, another one is there, or the marker is not.
   */
  open(target: Target, run: string): Promise<void>
  /** Only mounts; for `target adopt`, which makes the marker. */
  mount(target: Target, run: string): Promise<void>
  /**
   * Proves that this is the target: each configured mount is there, from the configured device, writable,
   * and the marker names this target. To be called before each write to it.
   * @throws {TerminalError} It is not.
   */
  prove(target: Target): Promise<void>
  /** Unmounts what `open` mounted in this run, in reverse. */
  close(run: string): Promise<void>
}

export function createTargets(runner: CommandRunner, ledger: Ledger): Targets {
  const targets: Targets = {
    async open(target, run) {
      await targets.mount(target, run)
      await targets.prove(target)
    },

    async mount(target, run) {
      for (const { device, at, type, options } of target.mounts) {
        const path = await devicePath(runner, device)
        const number = deviceNumber(path, device)
        const there = topMountAt(readMounts(), at)
        if (there) {
          proveDevice(target, at, device, number, there)
          continue
        }
        proveMountPoint(target, at)
        ledger.record({ run, at, device: number })
        await mount(runner, { device: path, at, type, options: [...(options ?? []), 'nodev', 'nosuid'] })
      }
    },

    async prove(target) {
      const mounts = readMounts()
      for (const { device, at } of target.mounts) {
        const there = topMountAt(mounts, at)
        if (!there)
          throw new TerminalError(`target ${target.name}: nothing is mounted at ${at} (expected ${device})`)
        proveDevice(target, at, device, deviceNumber(await devicePath(runner, device), device), there)
        proveWritable(target, there)
      }
      const below = mountOf(mounts, target.path)
      if (below) proveWritable(target, below)
      proveMarker(target)
    },

    async close(run) {
      const ours = ledger.entries().filter((entry) => entry.run === run)
      for (const { at, device } of inClosingOrder(ours)) {
        if (topMountAt(readMounts(), at)?.device === device) await unmount(runner, at)
        ledger.strike(at)
      }
    },
  }
  return targets
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
    const there = topMountAt(mounts, at)
    const number = deviceNumber(await devicePath(runner, device), device)
    if (there && !isFrom(there, number)) return true
  }
  return false
}

function deviceNumber(path: string, device: string): string {
  try {
    const { rdev } = statSync(path)
    if (rdev === 0) throw new TerminalError(`${path} is not a device`)
    return `${major(rdev)}:${minor(rdev)}`
  } catch (error) {
    if (error instanceof TerminalError) throw error
    throw new TerminalError(`the disk ${device} is not there`, {
      hint: 'is it plugged in? lsblk lists all',
      cause: error,
    })
  }
}

/** @see makedev(3): how the C library packs the two numbers. */
function major(device: number): number {
  const packed = BigInt(device)
  return Number(((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n))
}

function minor(device: number): number {
  const packed = BigInt(device)
  return Number((packed & 0xffn) | ((packed >> 12n) & 0xffffff00n))
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

/** btrfs mounts show a number of their own; the device it was mounted from is then looked at. */
function isFrom(there: Mount, number: string): boolean {
  if (there.device === number) return true
  const { device, source } = there
  return device.startsWith('0:') && source.startsWith('/') && deviceNumber(source, source) === number
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
  if (!mounted.options.includes('ro') && !mounted.superOptions.includes('ro')) return
  throw new TerminalError(`target ${target.name}: ${mounted.at} is mounted read-only`, {
    hint: 'the kernel does that after errors on the disk: see dmesg',
  })
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
