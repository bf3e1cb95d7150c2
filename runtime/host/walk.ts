import type { Command, CommandRunner } from './command.ts'
import { changedMark, NameReader, type Names } from './names.ts'

/** Milliseconds since the epoch. */
export interface Time {
  fromMs: number
  toMs: number
}

export interface Walk {
  /** Of everything below a folder on its file system, and of itself, each with its type. */
  names: Names
  /** Whether nothing is missing: nothing has vanished meanwhile, everything could be read. */
  complete: boolean
  /** What rsync looks at, if it was asked for. */
  facts?: Facts | undefined
}

/** More than names: what takes a look at each inode. */
export interface Facts {
  /** Each name with its type, mode, owner, group, time and, except of a folder, size and where a link leads to. */
  entries: Names
  /** How many have changed in any way since the time that was given, as their times of change (ctime) tell. */
  changed: number
}

/** Files that were written in a time: their names, each ended by a NUL, are put into the file `list`. */
export interface Written {
  time: Time
  list: string
}

export interface WalkOptions {
  written?: Written | undefined
  /** Reads the facts too, and counts the entries that have changed later than that, in milliseconds since the epoch. */
  changedSinceMs?: number | undefined
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
  { written, changedSinceMs, signal, timeoutMs = 24 * 3_600_000 }: WalkOptions = {},
): Promise<Walk> {
  const reader = new NameReader(seed, { withFacts: changedSinceMs !== undefined })
  const { exitCode } = await runner.run({
    argv: walkArgv(root, { written, changedSinceMs }),
    timeoutMs,
    // 1: some have vanished, or cannot be read. Rsync will say so too.
    accept: [0, 1],
    onStdout: (chunk) => reader.add(chunk),
    ...(signal && { signal }),
  })
  return { names: reader.end(), facts: reader.endFacts(), complete: exitCode === 0 }
}

/** @see find(1): times are seconds since the epoch. */
export function walkArgv(
  root: string,
  { written, changedSinceMs }: Pick<WalkOptions, 'written' | 'changedSinceMs'> = {},
): Command['argv'] {
  const at = (ms: number) => `@${ms / 1000}`
  const facts =
    changedSinceMs === undefined
      ? []
      : [
          ...['(', '-newerct', at(changedSinceMs), '-printf', changedMark, '-o', '-true', ')'],
          // How large a folder is, is its file system's own affair.
          ...['(', '-type', 'd', '-printf', '%T@ %m %U %G\\0', '-o', '-printf', '%T@ %m %U %G %s %l\\0', ')'],
        ]
  // With a slash at its end a link to a folder is followed, as rsync does.
  const all = ['find', `${root.replace(/\/*$/, '')}/`, '-xdev', '-printf', '%y/%P\\0', ...facts] as const
  if (!written) return all
  const { time, list } = written
  const during = ['-newermt', at(time.fromMs), '!', '-newermt', at(time.toMs)]
  return [...all, '-type', 'f', ...during, '-fprintf', list, '%P\\0']
}
