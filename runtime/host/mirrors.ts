import { chownSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Source, Target } from '../config/config.ts'
import { SuspectMirrorError } from '../errors.ts'
import type { Progress } from '../function.ts'
import { CommandError, type CommandRunner } from './command.ts'
import { ensureDirectory, isEmptyDirectory, keepsSubsecondTimes } from './directory.ts'
import { type Forecast, forecast, type SyncOutcome, type SyncPlan, sync } from './rsync.ts'

/** The mirror of one source, on a target that has been proven. */
export interface Mirror {
  path: string
  empty: boolean
  subsecondTimes: boolean
}

/** Mirrors of sources on a target. */
export interface Mirrors {
  /** Looks at a mirror, and makes its folder if it is not there. @throws {TerminalError} It cannot be written. */
  open(target: Target, source: Source): Promise<Mirror>
  /** What a sync would do. */
  forecast(plan: SyncPlan): Promise<Forecast>
  /** Makes the mirror equal to the source; from its beginning on the mirror has another `mirrorState`. */
  sync(
    plan: SyncPlan,
    totalBytes: number | null,
    onProgress: (progress: Progress) => void,
  ): Promise<SyncOutcome>
  /** Brings what has been written there onto the disk. @throws {SuspectMirrorError} Some of it is lost. */
  flush(path: string): Promise<void>
  /** Whether a source has nothing in it. @throws {TerminalError} It is not a folder that can be read. */
  isEmpty(path: string): boolean
}

export function mirrorPath(target: Target, source: { name: string }): string {
  return join(target.path, source.name)
}

export function flushArgv(path: string): readonly ['sync', '--file-system', string] {
  return ['sync', '--file-system', path]
}

/**
 * Tells a mirror as it is now from every other one that stood or stands in its place (a second disk that takes turns, an
 * older image that was put back), and from what it was before the last copy was begun: its inode, and the time of
 * change that only the kernel can set.
 * @returns undefined when there is no mirror.
 */
export function mirrorState(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.ino} ${found.ctimeNs}`
}

/** An owner that is set anew to who it is changes the time of change, and nothing else. @see chown(2) */
function markChanged(path: string): void {
  try {
    const { uid, gid } = statSync(path)
    chownSync(path, uid, gid)
  } catch {
    // What is wrong with the mirror, rsync will say; on a file system without owners the journal alone has to do.
  }
}

export function createMirrors(runner: CommandRunner): Mirrors {
  return {
    async open(target, source) {
      const path = mirrorPath(target, source)
      ensureDirectory(path)
      return { path, empty: isEmptyDirectory(path), subsecondTimes: keepsSubsecondTimes(path) }
    },
    forecast: (plan) => forecast(runner, plan),
    sync(plan, totalBytes, onProgress) {
      markChanged(plan.to)
      return sync(runner, plan, totalBytes, onProgress)
    },
    async flush(path) {
      try {
        await runner.run({ argv: flushArgv(path), timeoutMs: 3_600_000 })
      } catch (error) {
        if (!(error instanceof CommandError)) throw error
        // Never tried again: the kernel reports a write that failed once, and the second try would be told all is well.
        throw new SuspectMirrorError(`what was copied could not be written to the disk: ${error.message}`, {
          hint: 'the disk may be failing: see dmesg',
          cause: error,
        })
      }
    },
    isEmpty: isEmptyDirectory,
  }
}
