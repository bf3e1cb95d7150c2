import { readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { type CommandRunner, createRunner, unobserved } from './command/command.ts'
import { halfMadeFor, halfMadeName, resume, tagValue, undoHalfMade } from './lvm/half-made.ts'
import { fullName, Lvm } from './lvm/lvm.ts'
import { isScratchVolume, removeScratchVolume } from './lvm/scratch-volume.ts'
import { Ledger, mountOfEntry } from './mount/ledger.ts'
import { unmount } from './mount/mount.ts'
import { readMounts, topMountAt } from './mount/mountinfo.ts'

interface Mark {
  /** The event store whose leftovers are meant. */
  store: string
  runtimeDirectory: string
}

/**
 * Removes what carries our mark and belongs to no run that is going on: mounts of snapshots and targets, then
 * snapshots. The caller holds the lock.
 * @param isOver Whether a run is known to have ended: more than not to be going on.
 * @returns What was found, for people to read.
 */
export async function sweep(
  config: Config,
  { store, runtimeDirectory }: Mark,
  isLive: (runId: string) => boolean,
  isOver: (runId: string) => boolean = () => false,
): Promise<string[]> {
  const messages: string[] = []
  const runner = createRunner({ observer: unobserved, signal: AbortSignal.timeout(300_000), owner: store })
  const attempt = async (what: string, remove: () => Promise<unknown>) => {
    try {
      if ((await remove()) === false) return
      messages.push(`removed ${what}, left by an earlier run`)
    } catch (error) {
      messages.push(`could not remove ${what}, left by an earlier run: ${(error as Error).message}`)
    }
  }
  const folders = ['snapshots', 'sources'].map((name) => join(runtimeDirectory, name))
  for (const at of folders.flatMap((folder) => ownMounts(folder, isLive))) {
    await attempt(`the mount ${at}`, () => unmount(runner, at))
  }
  const ledger = new Ledger(runtimeDirectory)
  for (const entry of ledger.entries().toReversed()) {
    if (isLive(entry.run)) continue
    const there = mountOfEntry(entry)
    if (there) await attempt(`the mount ${there.at}`, () => unmount(runner, there.at))
    // What could not be unmounted stays noted for the next start.
    if (!mountOfEntry(entry)) ledger.strike(entry.at)
  }
  if (config.drill?.volume || Object.values(config.sources).some(({ kind }) => kind === 'lv')) {
    await sweepVolumes(runner, { config, store, isLive, isOver, attempt })
  }
  return messages
}

interface Sweep {
  config: Config
  store: string
  isLive: (runId: string) => boolean
  isOver: (runId: string) => boolean
  attempt: (what: string, remove: () => Promise<unknown>) => Promise<void>
}

/** Every volume with the mark of this store that is a snapshot, was on its way to be one, or was made for a drill. */
async function sweepVolumes(
  runner: CommandRunner,
  { config, store, isLive, isOver, attempt }: Sweep,
): Promise<void> {
  const lvm = new Lvm(runner)
  try {
    for (const volume of await lvm.volumes(`@hdsync.store=${store}`)) {
      const { vg, lv, origin } = volume
      const run = tagValue(volume, 'hdsync.run') ?? ''
      if (isLive(run)) continue
      if (origin) {
        await attempt(`the snapshot ${fullName(vg, lv)}`, async () => {
          await resume({ vg, lv: origin }, runner)
          await lvm.remove(volume)
        })
        continue
      }
      if (!isOver(run)) continue
      if (isScratchVolume(volume, store)) {
        await attempt(`the volume ${fullName(vg, lv)} of a drill`, () => removeScratchVolume(volume, runner))
        continue
      }
      const source = halfMadeFor(volume, store, config)
      if (source) await attempt(halfMadeName(volume), () => undoHalfMade(volume, source, { lvm, runner }))
    }
  } catch {
    // If LVM cannot be used, its sources will report it.
  }
}

/** What is mounted in a folder of ours; folders without a mount are removed. */
function ownMounts(directory: string, isLive: (runId: string) => boolean): string[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch {
    return []
  }
  return names
    .filter((name) => !isLive(name.slice(0, name.indexOf('-'))))
    .map((name) => join(directory, name))
    .filter((at) => {
      if (topMountAt(readMounts(), at)) return true
      rmdirSync(at)
      return false
    })
}
