import { chownSync, lstatSync, rmSync, statSync } from 'node:fs'
import type { Source, Target } from '../../config/config.ts'
import { SuspectMirrorError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import { CommandError, type CommandRunner } from '../command/command.ts'
import { inFolder } from '../target/safe-open.ts'
import { type Asked, type Comparison, compareNames, type Sides, surveyMirror } from './compare.ts'
import { isEmptyDirectory, keepsSubsecondTimes } from './directory.ts'
import { identify, type MirrorIdentity, mirrorPath } from './mirror-identity.ts'
import { forecast, type SyncOptions, sync } from './rsync.ts'
import type { SyncPlan } from './rsync-argv.ts'
import type { SyncOutcome } from './rsync-exit-codes.ts'
import type { Forecast } from './rsync-output.ts'
import { whereTimesDiffer } from './suspects.ts'

/** The mirror of one source, on a target that has been proven. */
export interface Mirror extends MirrorIdentity {
  path: string
  empty: boolean
  subsecondTimes: boolean
}

/** Mirrors of sources on a target. */
export interface Mirrors {
  /** Looks at a mirror, and makes its folder if it is not there. @throws {TerminalError} It cannot be written. */
  open(target: Target, source: Source): Promise<Mirror>
  /** Which mirror it is, as Mirror.id tells, and in which `mirrorState`. @param target It has been proven. */
  identify(target: Target, source: Source): MirrorIdentity
  /**
   * Reads the names in a mirror for the `compare` of the same run that comes later: before a snapshot is taken, as it
   * costs every write on the live volume while it lives. What cannot be read in time is read then.
   * @param target It has been proven.
   * @param asked As for that `compare`.
   */
  survey(target: Target, source: Source, run: string, asked?: Asked): Promise<void>
  /** Compares the names in the mirror with those in the source. */
  compare(sides: Sides, run: string, asked?: Asked): Promise<Comparison>
  /** What a sync would do. @param list As for `syncWritten`: which of its files have other contents is told as well. */
  forecast(plan: SyncPlan, list?: string): Promise<Forecast>
  /** Makes the mirror equal to the source. Unless it was so already, the mirror has another `mirrorState` afterwards. */
  sync(
    plan: SyncPlan,
    totalBytes: number | 'all' | null,
    onProgress: (progress: Progress) => void,
  ): Promise<SyncOutcome>
  /** Which of some entries of the source have another time in the mirror. @param names Each ended by a NUL. */
  whereTimesDiffer(plan: SyncPlan, names: Uint8Array): Promise<string[]>
  /** Copies those of the files on a list that differ from the mirror's, be it in their contents alone; as `sync`. */
  syncWritten(plan: SyncPlan, list: string): Promise<SyncOutcome>
  /** Makes the deletions of a sync, and nothing else of it. */
  makeRoom(plan: SyncPlan): Promise<SyncOutcome>
  /** Brings what has been written there onto the disk. @throws {SuspectMirrorError} Some of it is lost. */
  flush(path: string): Promise<void>
  /** Whether a source has nothing in it. @throws {TerminalError} It is not a folder that can be read. */
  isEmpty(path: string): boolean
}

export function flushArgv(path: string): readonly ['sync', '--file-system', string] {
  return ['sync', '--file-system', path]
}

/**
 * Marks a mirror as changed, for a store that does not know of the copy: chown to the same owner bumps ctime only. It is
 * done at the copy's first change. A copy that is cut off before is known by its `sync.run` without a `source.synced` (see
 * earlierArchives).
 * @see chown(2)
 */
function markChanged(path: string): void {
  try {
    const { uid, gid } = statSync(path)
    chownSync(path, uid, gid)
  } catch {
    // Rsync reports what is wrong with the mirror; on a file system without owners the journal has to do.
  }
}

/** Copies, and marks the mirror unless it is certain that nothing has changed. */
async function syncMarking(
  runner: CommandRunner,
  plan: SyncPlan,
  options: Omit<SyncOptions, 'onChange'> = {},
): Promise<SyncOutcome> {
  let marked = false
  const mark = () => {
    if (!marked) markChanged(plan.to)
    marked = true
  }
  let untouched = false
  try {
    const outcome = await sync(runner, plan, { ...options, onChange: mark })
    untouched = outcome.kind === 'done' && outcome.unchanged
    return outcome
  } finally {
    if (!untouched) mark()
  }
}

/** Files with the same size and time on both sides, and other contents. */
async function writtenNames(runner: CommandRunner, plan: SyncPlan, list: string): Promise<readonly string[]> {
  return (await forecast(runner, { ...plan, only: list, checksum: true })).changedNames
}

/** Files of a mirror in whose place something else comes. @param names As in `Forecast`. */
function regularFilesAmong(names: readonly string[], mirror: string): string[] {
  const found: string[] = []
  for (const name of names) {
    const path = Buffer.concat([Buffer.from(`${mirror.replace(/\/*$/, '')}/`), Buffer.from(name, 'latin1')])
    if (isRegularFile(path)) found.push(name)
  }
  return found
}

/** Where a file or a looped link stands in the place of a folder above it, there is nothing. */
function isRegularFile(path: Buffer): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false
  } catch (error) {
    if (['ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** @param directory For a list of files, as long as it is needed. */
export function createMirrors(runner: CommandRunner, directory: string): Mirrors {
  return {
    async open(target, source) {
      const path = mirrorPath(target, source)
      inFolder(target.path, (folder) => folder.make(source.name)[Symbol.dispose]())
      return {
        path,
        empty: isEmptyDirectory(path),
        subsecondTimes: keepsSubsecondTimes(path),
        ...identify(target, path),
      }
    },
    identify: (target, source) => identify(target, mirrorPath(target, source)),
    survey: (target, source, run, asked) => surveyMirror(runner, mirrorPath(target, source), run, asked),
    compare: (sides, run, asked) => compareNames(runner, sides, { run, directory, ...asked }),
    async forecast(plan, list) {
      const all = await forecast(runner, plan)
      if (!plan.changes) return all
      const replaced = regularFilesAmong(all.otherNames, plan.to)
      const written = list === undefined ? [] : await writtenNames(runner, plan, list)
      return {
        ...all,
        changedNames: [...new Set([...all.changedNames, ...replaced, ...written])],
        // Rsync counts none of those as deleted.
        mirrorRegular: all.mirrorRegular + replaced.length,
      }
    },
    async sync(plan, totalBytes, onProgress) {
      try {
        return await syncMarking(runner, plan, { totalBytes, onProgress })
      } finally {
        if (plan.listed !== undefined) rmSync(plan.listed, { force: true })
      }
    },
    async syncWritten(plan, list) {
      try {
        return await syncMarking(runner, { ...plan, only: list, checksum: true })
      } finally {
        rmSync(list, { force: true })
      }
    },
    whereTimesDiffer: (plan, names) => whereTimesDiffer(names, plan),
    makeRoom: (plan) =>
      syncMarking(runner, { ...plan, listed: undefined, checksum: false, onlyDelete: true }),
    async flush(path) {
      try {
        await runner.run({ argv: flushArgv(path), timeoutMs: 3_600_000 })
      } catch (error) {
        if (!(error instanceof CommandError)) throw error
        // Never repeated: the kernel reports a failed write once, and a second sync would succeed.
        throw new SuspectMirrorError(`what was copied could not be written to the disk: ${error.message}`, {
          hint: 'the disk may be failing: see dmesg',
          cause: error,
        })
      }
    },
    isEmpty: isEmptyDirectory,
  }
}
