import type { Command, CommandRunner } from '../command/command.ts'
import { changedMark, type Kept, keptMarks, NameReader, type Names } from './names.ts'

/** Milliseconds since the epoch. */
export interface Time {
  fromMs: number
  toMs: number
}

export interface Walk {
  /** Of everything below a folder on its file system, and of itself, each with its type. */
  names: Names
  /** How many of them are regular files. */
  regular: number
  /** Whether nothing is missing: nothing has vanished meanwhile, everything could be read. */
  complete: boolean
  /** What rsync looks at, if it was asked for. */
  facts?: Facts | undefined
  /** Names that were asked for. */
  kept?: Kept | undefined
  /** The names of entries that were asked for, each ended by a NUL; undefined where those were too many. */
  picked?: Uint8Array | undefined
}

/** More than names: what takes a look at each inode. */
export interface Facts {
  /** Each name with its type, mode, owner, group, time and, except of a folder, size and where a link leads to. */
  entries: Names
  /** Those of them that have changed in any way since the time that was given, as their times of change (ctime) tell. */
  changed: Names
}

/**
 * Whose names are kept: of files that may have changed unseen (`suspects`), of what has a time that not every file
 * system holds (`oddTimes`), and of whatever has changed.
 */
export interface Wanted {
  /** Files that were written in that time, as their times of modification (mtime) tell. */
  written?: Time | undefined
  /** Files that were changed in that time, as their times of change (ctime) tell. */
  changed?: Time | undefined
  /** Whether all other files are named too, as `others`. */
  others?: boolean | undefined
  oddTimes?: boolean | undefined
  /**
   * Entries of any type that have changed since `changedSinceMs`, as `changed`: the number of their file system, a blank, the
   * name, and behind that of a folder a slash.
   */
  changedNames?: boolean | undefined
}

export interface WalkOptions {
  wanted?: Wanted | undefined
  /** Reads the facts too, and tells which entries have changed later than that, in milliseconds since the epoch. */
  changedSinceMs?: number | undefined
  /** Entries, with their facts, whose names are asked for. */
  picked?: Names | undefined
  signal?: AbortSignal | undefined
  /** A day unless given: a walk through a large tree on a busy disk takes its time. */
  timeoutMs?: number
}

/**
 * Goes through a folder once. A name has its type with it, so that a folder that has become a file is another name.
 * @param seed Walks that are to be compared have the same.
 * @throws {CommandError} find(1) could not be run.
 */
export async function walk(
  runner: CommandRunner,
  root: string,
  seed: number,
  { wanted, changedSinceMs, picked, signal, timeoutMs = 24 * 3_600_000 }: WalkOptions = {},
): Promise<Walk> {
  const reader = new NameReader(seed, {
    withFacts: changedSinceMs !== undefined,
    withKept: !!wanted,
    picked,
  })
  const { exitCode } = await runner.run({
    argv: walkArgv(root, { wanted, changedSinceMs }),
    timeoutMs,
    // 1: some have vanished, or cannot be read. Rsync will say so too.
    accept: [0, 1],
    onStdout: (chunk) => reader.add(chunk),
    ...(signal && { signal }),
  })
  return {
    names: reader.end(),
    regular: reader.regular,
    facts: reader.endFacts(),
    kept: reader.endKept(),
    picked: reader.endPicked(),
    complete: exitCode === 0,
  }
}

/** @see find(1) */
function walkArgv(
  root: string,
  { wanted, changedSinceMs }: Pick<WalkOptions, 'wanted' | 'changedSinceMs'> = {},
): Command['argv'] {
  const facts =
    changedSinceMs === undefined
      ? []
      : [
          ...['(', '-newerct', at(changedSinceMs), '-printf', changedMark, '-o', '-true', ')'],
          // How large a folder is, is its file system's own affair.
          ...['(', '-type', 'd', '-printf', '%T@ %m %U %G\\0', '-o', '-printf', '%T@ %m %U %G %s %l\\0', ')'],
        ]
  // With a slash at its end a link to a folder is followed, as rsync does.
  const start = ['find', `${root.replace(/\/*$/, '')}/`, '-xdev'] as const
  return [...start, ...(wanted ? keptArgs(wanted, changedSinceMs) : []), '-printf', '%y/%P\\0', ...facts]
}

/** Inodes of 128 bytes (ext3, small ext4), XFS without bigtime and reiserfs hold no other times. */
const heldByAll: Time = { fromMs: -1, toMs: (2 ** 31 - 1) * 1000 }

function keptArgs(
  { written, changed, others, oddTimes, changedNames }: Wanted,
  changedSinceMs: number | undefined,
): string[] {
  const named = (mark: string) => ['-printf', `${mark}%P\\0`]
  const withDevice = (end: string) => ['-printf', `${keptMarks.changed}%D %P${end}\\0`]
  const tests = [...(written ? [within('m', written)] : []), ...(changed ? [within('c', changed)] : [])]
  const isSuspect = tests.flatMap((test, index) => [...(index > 0 ? ['-o'] : []), ...test])
  const files = [
    ...(tests.length > 0 ? ['(', ...isSuspect, ')', ...named(keptMarks.suspects)] : []),
    ...(others ? [...(tests.length > 0 ? ['-o'] : []), ...named(keptMarks.others)] : []),
  ]
  return [
    ...(files.length > 0 ? ['(', '-type', 'f', '(', ...files, ')', '-o', '-true', ')'] : []),
    ...(oddTimes
      ? ['(', ...within('m', heldByAll), '-o', ...named(keptMarks.oddTimes), '-o', '-true', ')']
      : []),
    ...(changedNames && changedSinceMs !== undefined
      ? [
          ...['(', '-newerct', at(changedSinceMs), '(', '-type', 'd', ...withDevice('/')],
          ...['-o', ...withDevice(''), ')', '-o', '-true', ')'],
        ]
      : []),
  ]
}

/** After the one, and not after the other. */
function within(which: 'm' | 'c', { fromMs, toMs }: Time): string[] {
  return [`-newer${which}t`, at(fromMs), '!', `-newer${which}t`, at(toMs)]
}

/** @see find(1): times are seconds since the epoch. */
function at(ms: number): string {
  return `@${ms / 1000}`
}
