import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { isWithin } from '../../config/left-out.ts'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { Lvm } from '../lvm/lvm.ts'
import {
  isScratchVolume,
  makeScratchVolume,
  removeScratchVolume,
  runOfScratch,
} from '../lvm/scratch-volume.ts'
import { deviceNumber } from '../mount/devices.ts'
import type { Ledger } from '../mount/ledger.ts'
import { mount, unmount } from '../mount/mount.ts'
import { readMounts, topMountAt } from '../mount/mountinfo.ts'
import { realPath } from '../mount/real-path.ts'

type Drill = NonNullable<Config['drill']>

/** Where drills restore to: a folder, or a volume that is made for one restore and mounted there. */
export interface Scratch {
  /**
   * Makes the place for a source.
   * @param isShared See `makeScratch`.
   * @returns The folder for the source, which is not made yet.
   * @throws {TerminalError} There is no room for the volume, or something else is mounted there.
   */
  open(drill: Drill, run: string, source: string, isShared: boolean): Promise<string>
  /** Removes what drills have left: that of one run, or of all. Safe to repeat. @throws {TerminalError} It is in use. */
  empty(drill: Drill, run?: string): Promise<void>
}

/** @param store Names the event store: volumes of another hdsync on the box are not ours. */
export function createScratch(runner: CommandRunner, store: string, ledger: Ledger): Scratch {
  return {
    async open({ scratch, volume }, run, source, isShared) {
      if (volume) {
        mkdirSync(scratch, { recursive: true, mode: 0o711 })
        const at = realPath(scratch)
        const there = topMountAt(readMounts(), at)
        if (there)
          throw new TerminalError(`${there.source} is mounted at ${at}: no volume is made for the drill`)
        const device = await makeScratchVolume(volume, { store, run, runner })
        ledger.record({ run, at, device: deviceNumber(device, device) })
        await mount(runner, { device, at, type: 'ext4', options: ['nodev', 'nosuid'] })
      }
      return makeScratch(scratch, run, source, isShared)
    },
    async empty({ scratch, volume }, run) {
      if (volume) await removeVolumes(volume.vg, scratch, run)
      await removeScratch(scratch, runner, run)
    },
  }

  async function removeVolumes(vg: string, scratch: string, run: string | undefined): Promise<void> {
    const at = realPath(scratch)
    for (const volume of await new Lvm(runner).volumes(vg)) {
      if (!isScratchVolume(volume, store) || (run !== undefined && runOfScratch(volume) !== run)) continue
      // Not what somebody has mounted over it.
      if (topMountAt(readMounts(), at)?.device === volume.device) {
        await unmount(runner, at)
        ledger.strike(at)
      }
      const other = readMounts().find(({ device }) => device === volume.device)
      if (other) {
        throw new TerminalError(`${volume.path} is mounted at ${other.at}: it is not removed`, {
          hint: `umount ${other.at}; the next drill removes it`,
        })
      }
      await removeScratchVolume(volume, runner)
    }
  }
}

/** What the folders of drills are called in the scratch folder; what else lies there is never touched. */
const prefix = 'hdsync-drill-'

const removingMs = 24 * 3_600_000

/** The folder that a source is restored into. */
function scratchFolder(scratch: string, run: string, source: string): string {
  return join(scratch, `${prefix}${run}`, source)
}

/**
 * Makes the folder of a drill. Safe to repeat.
 * @param isShared Whether other users may get to what lies in it, as a database does that a function starts: they have to
 *   know its name, and what they may read there is as in the source.
 * @returns The folder for the source, which is not made yet.
 */
function makeScratch(scratch: string, run: string, source: string, isShared: boolean): string {
  mkdirSync(scratch, { recursive: true, mode: 0o711 })
  const folder = join(scratch, `${prefix}${run}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, isShared ? 0o711 : 0o700)
  return scratchFolder(scratch, run, source)
}

/**
 * Removes the folders of drills: that of one run, or all there are. Safe to repeat.
 * @throws {TerminalError} Something is mounted in one.
 */
async function removeScratch(scratch: string, runner: CommandRunner, run?: string): Promise<void> {
  for (const name of run === undefined ? namesIn(scratch) : [`${prefix}${run}`]) {
    const folder = realPath(join(scratch, name))
    const mounted = readMounts().find(({ at }) => isWithin(at, folder))
    if (mounted) {
      throw new TerminalError(`${mounted.source} is mounted at ${mounted.at}: ${folder} is not removed`, {
        hint: `umount ${mounted.at}; the next drill removes it`,
      })
    }
    // Unlike what Node does, rm(1) holds each folder open: nobody can put a link in the place of one meanwhile.
    const argv = ['rm', '--recursive', '--force', '--one-file-system', '--', folder] as const
    await runner.run({ argv, timeoutMs: removingMs })
  }
}

function namesIn(scratch: string): string[] {
  try {
    return readdirSync(scratch).filter((name) => name.startsWith(prefix))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new TerminalError(`cannot look into ${scratch}: ${(error as Error).message}`)
  }
}
