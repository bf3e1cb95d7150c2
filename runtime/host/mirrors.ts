import { chownSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Source, Target } from '../config/config.ts'
import { SuspectMirrorError } from '../errors.ts'
import type { Progress } from '../function.ts'
import { CommandError, type CommandRunner } from './command.ts'
import { ensureDirectory, isEmptyDirectory, keepsSubsecondTimes } from './directory.ts'
import { readMarker } from './marker.ts'
import { type Forecast, forecast, type SyncOutcome, type SyncPlan, sync } from './rsync.ts'

/** The mirror of one source, on a target that has been proven. */
export interface Mirror {
  path: string
  empty: boolean
  subsecondTimes: boolean
  /** Tells it from that of another disk that takes turns with this one; undefined where it cannot be seen now. */
  id: string | undefined
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
  /**
   * Looks for files of a source that were written in a time.
   * @returns The file with their names; undefined where there are none.
   */
  findWritten(plan: SyncPlan, time: Time): Promise<string | undefined>
  /**
   * Copies those of the files on a list that differ from the mirror's, be it in their contents alone.
   * @returns undefined when none did.
   */
  syncWritten(plan: SyncPlan, list: string): Promise<SyncOutcome | undefined>
  /** Brings what has been written there onto the disk. @throws {SuspectMirrorError} Some of it is lost. */
  flush(path: string): Promise<void>
  /** Whether a source has nothing in it. @throws {TerminalError} It is not a folder that can be read. */
  isEmpty(path: string): boolean
}

/** Milliseconds since the epoch. */
export interface Time {
  fromMs: number
  toMs: number
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

/** The disk, by its marker, and the folder on it. */
export function mirrorId(target: Target, path: string): string | undefined {
  const marker = readMarker(target.path)
  return marker && `${marker.id}/${statSync(path).ino}`
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

/** Where the names of files stand that a sync is to copy alone. */
export function listFor(mirror: string, directory: string): string {
  return join(directory, `written-${basename(mirror)}`)
}

/** A walk through a large tree on a busy disk takes its time. */
const walkTimeoutMs = 24 * 3_600_000

/** @see find(1): times are seconds since the epoch. */
function findArgv(from: string, { fromMs, toMs }: Time, list: string) {
  const at = (ms: number) => `@${ms / 1000}`
  const written = ['-newermt', at(fromMs), '!', '-newermt', at(toMs)]
  return ['find', from, '-xdev', '-type', 'f', ...written, '-fprintf', list, '%P\\0'] as const
}

/** @param directory For a list of files, as long as it is needed. */
export function createMirrors(runner: CommandRunner, directory: string): Mirrors {
  return {
    async open(target, source) {
      const path = mirrorPath(target, source)
      ensureDirectory(path)
      return {
        path,
        empty: isEmptyDirectory(path),
        subsecondTimes: keepsSubsecondTimes(path),
        id: mirrorId(target, path),
      }
    },
    forecast: (plan) => forecast(runner, plan),
    sync(plan, totalBytes, onProgress) {
      markChanged(plan.to)
      return sync(runner, plan, totalBytes, onProgress)
    },
    async findWritten(plan, time) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      const list = listFor(plan.to, directory)
      // 1: some have vanished, or cannot be read. Rsync will say so too.
      const argv = findArgv(plan.from, time, list)
      await runner.run({ argv, timeoutMs: walkTimeoutMs, accept: [0, 1] })
      if (statSync(list).size > 0) return list
      rmSync(list)
      return undefined
    },
    async syncWritten(plan, list) {
      try {
        const some = { ...plan, only: list, checksum: true }
        if ((await forecast(runner, some)).unchanged) return undefined
        markChanged(plan.to)
        return await sync(runner, some, null, () => {})
      } finally {
        rmSync(list, { force: true })
      }
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
