import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Source, Target } from '../../config/config.ts'
import { SuspectMirrorError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import { CommandError, type CommandRunner } from '../command/command.ts'
import { isInstalled } from '../command/packages.ts'
import { readMarker } from '../target/marker.ts'
import { inFolder } from '../target/safe-open.ts'
import {
  isEmptyDirectory,
  keepsSubsecondTimes,
  keepsTimesOfChange,
  tellsChangedContents,
} from './directory.ts'
import { countMissing } from './names.ts'
import { forecast, type SyncOptions, sync } from './rsync.ts'
import type { SyncPlan } from './rsync-argv.ts'
import type { SyncOutcome } from './rsync-exit-codes.ts'
import type { Forecast } from './rsync-output.ts'
import { inShare, listAlike, type Share, whereTimesDiffer } from './suspects.ts'
import { type Facts, type Time, type Walk, type Wanted, walk } from './walk.ts'

/** Which mirror it is, as far as it can be seen now. */
export interface MirrorIdentity {
  /** Tells it from that of another disk that takes turns with this one. */
  id: string | undefined
  /** See `mirrorState`. */
  state: string | undefined
}

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
  compare(plan: SyncPlan, run: string, asked?: Asked): Promise<Comparison>
  /** What a sync would do. */
  forecast(plan: SyncPlan): Promise<Forecast>
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

/** Times after which nothing should have changed on each side, in milliseconds since the epoch. */
export interface Since {
  sourceMs: number
  mirrorMs: number
}

/**
 * When what has been copied may have changed: in the source, files that were written in that time, and those that were
 * changed since its beginning, as their times of change tell.
 */
export interface Written extends Time {
  /** In the mirror, files that were changed since then. */
  mirrorMs?: number | undefined
  /** Times of change after now tell of a clock that was wrong. Without it, none are looked at. */
  nowMs?: number | undefined
}

/** What a comparison is to find out besides. */
export interface Asked {
  /** Which files may have changed although their size and time have not. */
  writtenIn?: Written | undefined
  /** Files that are compared by their contents although nothing tells of a change. */
  share?: Share | undefined
  /** Whether anything has changed since. */
  since?: Since | undefined
}

/** What the names in a source and its mirror tell. */
export interface Comparison {
  /** How many the source has, its own folder included; undefined where not all of it was read, as on a first copy. */
  sourceNames: number | undefined
  /** How many the mirror has, its own folder included; undefined where not all of it could be read. */
  mirrorNames: number | undefined
  /**
   * A copy deletes no more than that: each name that the mirror alone has, or with another type. It may delete less, as
   * it leaves what is excluded. Undefined where not all of the mirror could be read.
   */
  deletionsAtMost: number | undefined
  /**
   * A file with the names of those files that have the same size and time on both sides and may differ all the same;
   * undefined where there are none.
   */
  written: string | undefined
  /** How many those are. */
  suspects?: number
  /** Entries of the source, each ended by a NUL, with times that not every file system holds. */
  oddTimes?: Uint8Array
  /**
   * Entries that are the same on both sides (see Facts), and how many have changed on either side since then, be it in
   * what facts do not tell. Undefined where that was not asked, or cannot be known.
   */
  facts?: { same: number; changed: number } | undefined
}

export function mirrorPath(target: Target, source: { name: string }): string {
  return join(target.path, source.name)
}

export function flushArgv(path: string): readonly ['sync', '--file-system', string] {
  return ['sync', '--file-system', path]
}

/**
 * Identifies the state of a mirror by its inode and its time of change, which only the kernel can set: it differs on another
 * disk, on an older image that was put back, and before each copy that changed something.
 * @returns undefined when there is no mirror.
 */
export function mirrorState(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  return found && `${found.ino} ${found.ctimeNs}`
}

/** By the disk, that is by its marker, and the folder on it. */
export function identify(target: Target, path: string): MirrorIdentity {
  const marker = readMarker(target.path)
  const found = statSync(path, { throwIfNoEntry: false })
  return { id: marker && found && `${marker.id}/${found.ino}`, state: mirrorState(path) }
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

/** The file with the names for `syncWritten`. */
export function listFor(mirror: string, directory: string): string {
  return join(directory, `written-${basename(mirror)}`)
}

/** The names in a mirror, read before the snapshot of its source was taken. */
interface Survey extends Walk {
  run: string
  seed: number
  /** Which mirror it was. */
  state: string
}

/** By the mirror's path: the steps of a run have hosts of their own. */
const surveys = new Map<string, Survey>()
/** A slower survey is left to `compare`. */
const surveyTimeoutMs = 600_000

/** Used once, as a copy changes the mirror. */
function takeSurvey(path: string, run: string): Survey | undefined {
  const survey = surveys.get(path)
  surveys.delete(path)
  return survey?.run === run && survey.state === mirrorState(path) ? survey : undefined
}

function newSeed(): number {
  return randomBytes(4).readInt32LE()
}

/** What file systems round a time of change down by at most; an old inode may keep whole seconds where others do not. */
const granuleMs = 2_000
/** In a mirror all inodes are alike; the kernel's clock for files goes on in steps of at most 10 ms. */
const tickMs = 100

function mirrorChangedSince(mirror: string, since: Since | undefined): number | undefined {
  if (!since || !keepsTimesOfChange(mirror)) return undefined
  return since.mirrorMs - (keepsSubsecondTimes(mirror) ? tickMs : granuleMs)
}

/** Files of the mirror that somebody has changed since the last copy, with few that the copy itself wrote last. */
function wantedOfMirror(mirror: string, { mirrorMs, nowMs }: Partial<Written> = {}): Wanted | undefined {
  if (mirrorMs === undefined || nowMs === undefined || !tellsChangedContents(mirror)) return undefined
  const fromMs = mirrorMs - tickMs
  const wholeSecond = Math.floor(fromMs / 1000) * 1000 - 1
  return { changed: { fromMs: keepsSubsecondTimes(mirror) ? fromMs : wholeSecond, toMs: nowMs + granuleMs } }
}

function wantedOfSource(source: string, { writtenIn, share }: Asked): Wanted | undefined {
  if (!writtenIn) return undefined
  const { fromMs, toMs, nowMs } = writtenIn
  return {
    written: { fromMs, toMs },
    ...(nowMs !== undefined &&
      tellsChangedContents(source) && { changed: { fromMs, toMs: nowMs + granuleMs } }),
    others: share !== undefined,
    oddTimes: true,
  }
}

const nothing: Walk = { names: new Float64Array(), complete: true }

function compareFacts(mirror: Facts | undefined, source: Facts | undefined): Comparison['facts'] {
  if (!mirror || !source) return undefined
  return {
    same: mirror.entries.length - countMissing(mirror.entries, source.entries),
    changed: mirror.changed + source.changed,
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
    async survey(target, source, run, { since, writtenIn } = {}) {
      const path = mirrorPath(target, source)
      surveys.delete(path)
      const state = mirrorState(path)
      if (state === undefined) return
      const seed = newSeed()
      const walked = await walk(runner, path, seed, {
        changedSinceMs: mirrorChangedSince(path, since),
        wanted: wantedOfMirror(path, writtenIn),
        timeoutMs: surveyTimeoutMs,
      }).catch(() => undefined)
      if (walked?.complete) surveys.set(path, { ...walked, run, state, seed })
    },
    async compare({ from, to, signal }, run, asked = {}) {
      const { writtenIn, since, share } = asked
      const list = listFor(to, directory)
      rmSync(list, { force: true })
      if (writtenIn) mkdirSync(directory, { recursive: true, mode: 0o700 })
      const surveyed = takeSurvey(to, run)
      const seed = surveyed?.seed ?? newSeed()
      // Without use for the source if the mirror has changed.
      const mirrorTells = () => (surveyed ? surveyed.facts?.changed === 0 : keepsTimesOfChange(to))
      const factsSince = since && keepsTimesOfChange(from) && mirrorTells() ? since : undefined
      const isFirst = isEmptyDirectory(to)
      const [mirror, source] = await Promise.all([
        surveyed ??
          walk(runner, to, seed, {
            changedSinceMs: mirrorChangedSince(to, factsSince),
            wanted: wantedOfMirror(to, writtenIn),
            signal,
          }),
        // A first copy has nothing to delete, and a walk of a large source is slow.
        isFirst
          ? nothing
          : walk(runner, from, seed, {
              wanted: wantedOfSource(from, asked),
              changedSinceMs: factsSince && factsSince.sourceMs - granuleMs,
              signal,
            }),
      ])
      const names = [mirror.kept, source.kept].flatMap((kept) => kept?.suspects ?? [])
      const others = share && source.kept ? [inShare(source.kept.others, share)] : []
      const suspects = await listAlike([...names, ...others], { from, to }, list)
      return {
        ...(mirror.complete
          ? { mirrorNames: mirror.names.length, deletionsAtMost: countMissing(mirror.names, source.names) }
          : { mirrorNames: undefined, deletionsAtMost: undefined }),
        sourceNames: source.complete && !isFirst ? source.names.length : undefined,
        written: suspects > 0 ? list : undefined,
        suspects,
        ...(source.kept && { oddTimes: source.kept.oddTimes }),
        // Without rsync, a copy that would be needless has to fail too.
        facts:
          factsSince && mirror.complete && source.complete && isInstalled('rsync')
            ? compareFacts(mirror.facts, source.facts)
            : undefined,
      }
    },
    forecast: (plan) => forecast(runner, plan),
    sync: (plan, totalBytes, onProgress) => syncMarking(runner, plan, { totalBytes, onProgress }),
    async syncWritten(plan, list) {
      try {
        return await syncMarking(runner, { ...plan, only: list, checksum: true })
      } finally {
        rmSync(list, { force: true })
      }
    },
    whereTimesDiffer: (plan, names) => whereTimesDiffer(names, plan),
    makeRoom: (plan) => syncMarking(runner, { ...plan, checksum: false, onlyDelete: true }),
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
