import { statfsSync } from 'node:fs'
import { SuspectMirrorError, TerminalError } from '../../errors.ts'
import type { CommandError } from '../command/command.ts'
import { lastLines } from '../command/output.ts'
import {
  type Complaints,
  failingKinds,
  type LeftOut,
  leftOutOf,
  type RsyncErrorKind,
} from './rsync-errors.ts'
import type { SyncStats } from './rsync-output.ts'

/** How a sync ended when it did not fail. */
export type SyncOutcome =
  /**
   * `unchanged`: it has done nothing at all, not even to an owner or a mode; false where that is not certain. `leftOut`:
   * entries that could not be copied, for reasons that are no reason to do without the others.
   */
  | { kind: 'done'; stats: SyncStats; unchanged: boolean; leftOut?: LeftOut }
  /** Files vanished while they were copied: normal in a live directory, a fault in a snapshot. */
  | { kind: 'vanished'; stats: SyncStats; leftOut?: LeftOut }
  /** More was to be deleted than permitted; the rest of the copy is done. */
  | { kind: 'limited'; stats: SyncStats; skipped: number }

/**
 * How a copy ended, by its exit code and by what rsync has complained about: 23 masks 25, and 24 masks 25 too.
 * @param printed What it said on its standard output; `changed` is true where it is not certain that nothing has changed.
 */
export function outcomeOf(
  exitCode: number,
  complaints: Complaints,
  { stats, changed, deletedNothing }: { stats: SyncStats; changed: boolean; deletedNothing: boolean },
): SyncOutcome {
  if (exitCode === 25 || complaints.stopped !== undefined) {
    return { kind: 'limited', stats, skipped: complaints.stopped ?? 1 }
  }
  const found = exitCode === 23 ? leftOutOf(complaints) : undefined
  const left = found && { leftOut: { ...found, deletedNothing } }
  const vanished = complaints.kinds.some(({ kind }) => kind === 'vanished')
  if (exitCode === 24 || (left && vanished)) return { kind: 'vanished', stats, ...left }
  return { kind: 'done', stats, unchanged: !changed && !complaints.any && !left, ...left }
}

/** @see rsync(1), EXIT VALUES */
const exits: Readonly<Record<number, string>> = {
  3: 'rsync could not select input or output files',
  10: 'rsync: error in socket I/O',
  11: 'rsync: error in file I/O',
  12: 'rsync: error in the protocol data stream',
  20: 'rsync was stopped by a signal',
  22: 'rsync ran out of memory',
  23: 'rsync could not copy everything',
  30: 'rsync: timeout while sending or receiving',
  35: 'rsync: timeout while waiting for the daemon',
}
/** Those that may go away by themselves. */
const passing = new Set([10, 12, 30, 35])

/** Those of a disk that is full; whether more room is all it takes, its file system tells. */
const fullKinds: readonly RsyncErrorKind[] = ['no-space', 'quota']

function has({ kinds }: Complaints, kind: RsyncErrorKind): boolean {
  return kinds.some((one) => one.kind === kind)
}

/**
 * What to make of a copy that failed.
 * @param mirror The folder of the mirror.
 * @returns The error itself where that may go away by itself: a signal, a time limit, some exit codes.
 */
export function failureOf(cause: CommandError, complaints: Complaints, mirror: string): Error {
  const { exitCode, timedOut } = cause
  const full = fullKinds.find((one) => has(complaints, one))
  if (exitCode === undefined || timedOut || (passing.has(exitCode) && !full)) return cause
  const what = exits[exitCode] ?? `rsync ended with exit code ${exitCode}`
  const said = complaints.first || lastLines(cause.stderr, 1)
  const failing = failingKinds.find((one) => has(complaints, one))
  // What is behind all else comes first, wherever it stands.
  const first = failing ?? full ?? complaints.kinds.find(({ kind }) => kind !== 'unknown')?.kind ?? 'unknown'
  const kind = first === 'no-space' && hasNoInodes(mirror) ? 'no-inodes' : first
  const why = { 'no-space': 'No space left', quota: 'Disk quota exceeded', 'no-inodes': 'no inodes left' }[
    kind as string
  ]
  // The disk is failing: what was written before it did may be lost too.
  const Failure = failing ? SuspectMirrorError : TerminalError
  return new Failure(`${what}${why ? ` (${why} on the target)` : ''}: ${said}`, { cause, kind })
}

/** Btrfs and others have no fixed number of inodes: then none is free, and none is used. */
function hasNoInodes(path: string): boolean {
  try {
    const { files, ffree } = statfsSync(path)
    return files > 0 && ffree === 0
  } catch {
    return false
  }
}
