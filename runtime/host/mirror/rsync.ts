import { statfsSync } from 'node:fs'
import { SuspectMirrorError, TerminalError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import { type Command, CommandError, type CommandResult, type CommandRunner } from '../command/command.ts'
import { lastLines } from '../command/output.ts'
import {
  ComplaintReader,
  type Complaints,
  complaintsOf,
  failingKinds,
  type LeftOut,
  leftOutOf,
  type RsyncErrorKind,
} from './rsync-errors.ts'

/** What to copy where, and what may be lost on the way. */
export interface SyncPlan {
  /** The mounted snapshot, or the directory. */
  from: string
  /** The mirror. */
  to: string
  exclude: readonly string[]
  /** Deletions that are permitted; none are made beyond. */
  maxDelete: number
  /** Stops the copy: the snapshot has become unreadable. */
  signal?: AbortSignal | undefined
  /** Compare contents, not sizes and times alone: the mirror is not to be trusted. */
  checksum?: boolean
  /** A file with the names of those that alone are copied, each ended by a NUL; nothing is deleted then. */
  only?: string
  /** Nothing is copied, only deleted. */
  onlyDelete?: true
  /** Whether the target's file system keeps fractions of a second; see rsync(1), --modify-window. */
  subsecondTimes: boolean
}

export interface SyncStats {
  /** Entries of the source, folders and all. */
  files: number
  created: number
  deleted: number
  transferred: number
  transferredBytes: number
  /** How large all files of the source are. */
  sizeBytes?: number
}

/** What a sync would do. */
export interface Forecast extends SyncStats {
  /** What it would delete, from the root of the mirror, a folder with a `/` at its end; each byte of a name a character. */
  names: string[]
}

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

/** A first copy of a large volume takes its time. */
const timeoutMs = 7 * 24 * 3_600_000

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

/**
 * The argument vector of a copy that keeps everything that POSIX and Linux know about a file.
 *
 * A mount of its own at the root of the mirror has a lost+found that the source may not have; the protecting
 * filter keeps rsync from deleting it.
 */
export function rsyncArgv(plan: SyncPlan, forecast = false): Command['argv'] {
  const { only } = plan
  return [
    'rsync',
    '--archive',
    '--hard-links',
    '--acls',
    // Twice: with those of rsync itself, in which a store made with --fake-super keeps its owners and modes.
    '--xattrs',
    '--xattrs',
    '--numeric-ids',
    '--sparse',
    '--one-file-system',
    // Of those that are named, what the mirror does not have yet is for the copy of everything.
    ...(only === undefined
      ? plan.onlyDelete
        ? ['--delete-before', '--existing', '--ignore-existing']
        : ['--delete-delay']
      : [`--files-from=${only}`, '--from0', '--existing', '--ignore-missing-args']),
    ...(plan.subsecondTimes ? ['--modify-window=-1'] : []),
    ...(plan.checksum ? ['--checksum'] : []),
    ...(forecast
      ? ['--dry-run', '--info=del,stats2']
      : [
          ...(only === undefined ? [`--max-delete=${plan.maxDelete}`] : []),
          '--info=progress2,stats2',
          '--out-format=%i',
        ]),
    '--no-human-readable',
    '--filter=P /lost+found',
    ...plan.exclude.map((pattern) => `--exclude=${pattern}`),
    // Rsync does not look at the folders above a file that is named.
    ...(only === undefined
      ? []
      : plan.exclude.map((pattern) => `--exclude=${pattern.replace(/\/*$/, '')}/**`)),
    '--',
    `${plan.from.replace(/\/*$/, '')}/`,
    `${plan.to.replace(/\/*$/, '')}/`,
  ]
}

/** @returns undefined where the program does not say so. */
export async function rsyncVersion(runner: CommandRunner): Promise<string | undefined> {
  // One that cannot even say so will say why when it is to copy.
  const { stdout } = await runner
    .run({ argv: ['rsync', '--version'], timeoutMs: 30_000 })
    .catch((error: unknown) => {
      if (error instanceof CommandError) return { stdout: '' }
      throw error
    })
  return /\bversion v?(\d+(?:\.\d+)+)/.exec(stdout)?.[1]
}

/** Finds out what a sync would do, without doing it. @throws As `sync`. */
export async function forecast(runner: CommandRunner, plan: SyncPlan): Promise<Forecast> {
  const output = new ForecastReader()
  await run(runner, plan, {
    argv: rsyncArgv(plan, true),
    timeoutMs,
    accept: [0, 23, 24],
    ...signalOf(plan),
    // A mirror of a million files is more than the end of the output that is kept.
    onStdout: (chunk) => output.add(chunk),
  })
  return output.end()
}

const deleting = 'deleting '

/** Reads what a dry run prints: a line for each deletion, then the statistics. */
class ForecastReader {
  #rest = ''
  #statistics = ''
  readonly #names: string[] = []

  add(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#read(line)
  }

  end(): Forecast {
    this.#read(this.#rest)
    return { ...parseStats(this.#statistics), names: this.#names }
  }

  #read(line: string): void {
    if (line.startsWith(deleting)) this.#names.push(unescapeName(line.slice(deleting.length)))
    else this.#statistics += `${line}\n`
  }
}

/** Bytes that do not print, and a backslash that could be taken for that, come as `\#012`. @see rsync(1), -8 */
function unescapeName(name: string): string {
  return name.replace(/\\#([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

export interface SyncOptions {
  /**
   * Bytes that will be transferred, where a forecast has told; `all` where that is the whole source. Rsync's own
   * percentage is that of everything it has found so far, be it copied or not.
   */
  totalBytes?: number | 'all' | null
  onProgress?: (progress: Progress) => void
  /** Told of each thing that is done, about as it is done. */
  onChange?: () => void
}

/**
 * Makes the mirror equal to the source.
 * @throws {TerminalError} Exit 23 and the like: something could not be read or written.
 * @throws {CommandError} A failure that may pass.
 */
export async function sync(
  runner: CommandRunner,
  plan: SyncPlan,
  { totalBytes = null, onProgress = () => {}, onChange = () => {} }: SyncOptions = {},
): Promise<SyncOutcome> {
  const meter = new Meter(totalBytes, onProgress)
  const output = new OutputReader({ onProgress: (progress, line) => meter.read(progress, line), onChange })
  const { result, complaints, leftOut } = await run(runner, plan, {
    argv: rsyncArgv(plan),
    timeoutMs,
    accept: [0, 23, 24, 25],
    ...signalOf(plan),
    onStdout: (chunk) => output.add(chunk),
  })
  const { statistics, changes, deletedNothing } = output.end()
  const stats = parseStats(statistics)
  // 23 masks 25, and 24 masks 25 too: the message is what counts.
  if (result.exitCode === 25 || complaints.stopped !== undefined) {
    return { kind: 'limited', stats, skipped: complaints.stopped ?? 1 }
  }
  const left = leftOut && { leftOut: { ...leftOut, deletedNothing } }
  const vanished = complaints.kinds.some(({ kind }) => kind === 'vanished')
  if (result.exitCode === 24 || (left && vanished)) return { kind: 'vanished', stats, ...left }
  const { created, deleted, transferred, transferredBytes } = stats
  const counted = created + deleted + transferred + transferredBytes
  meter.end(transferredBytes)
  const unchanged = statistics !== '' && changes + counted === 0 && !complaints.any && !left
  return { kind: 'done', stats, unchanged, ...left }
}

function signalOf({ signal }: SyncPlan): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}

interface Ran {
  result: CommandResult
  complaints: Complaints
  leftOut?: Pick<LeftOut, 'kinds'> | undefined
}

/** Runs rsync, and judges what it says about it. */
async function run(runner: CommandRunner, plan: SyncPlan, command: Command): Promise<Ran> {
  const places = [plan.from, plan.to]
  const reader = new ComplaintReader(places)
  let heard: Complaints | undefined
  const hear = (stderr: string) => {
    heard ??= reader.end()
    return heard.any ? heard : complaintsOf(stderr, places)
  }
  try {
    const result = await runner.run({ ...command, onStderr: (chunk) => reader.add(chunk) })
    const complaints = hear(result.stderr)
    if (result.exitCode !== 23) return { result, complaints }
    const leftOut = leftOutOf(complaints)
    if (leftOut) return { result, complaints, leftOut }
    throw failure(complaints, plan, commandFailure(command.argv, result))
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === undefined || error.timedOut) throw error
    const complaints = hear(error.stderr)
    if (passing.has(error.exitCode) && !fullKinds.some((kind) => has(complaints, kind))) throw error
    throw failure(complaints, plan, error)
  }
}

/** Those of a disk that is full; whether more room is all it takes, its file system tells. */
const fullKinds: readonly RsyncErrorKind[] = ['no-space', 'quota']

function has({ kinds }: Complaints, kind: RsyncErrorKind): boolean {
  return kinds.some((one) => one.kind === kind)
}

function failure(complaints: Complaints, { to }: SyncPlan, cause: CommandError): TerminalError {
  const { exitCode = 0 } = cause
  const what = exits[exitCode] ?? `rsync ended with exit code ${exitCode}`
  const said = complaints.first || lastLines(cause.stderr, 1)
  const failing = failingKinds.find((one) => has(complaints, one))
  const full = fullKinds.find((one) => has(complaints, one))
  // What is behind all else comes first, wherever it stands.
  const first = failing ?? full ?? complaints.kinds.find(({ kind }) => kind !== 'unknown')?.kind ?? 'unknown'
  const kind = first === 'no-space' && hasNoInodes(to) ? 'no-inodes' : first
  const why = { 'no-space': 'No space left', quota: 'Disk quota exceeded', 'no-inodes': 'no inodes left' }[
    kind as string
  ]
  // The disk is failing: what was written before it did may be lost too.
  const Failure = failing ? SuspectMirrorError : TerminalError
  return new Failure(`${what}${why ? ` (${why} on the target)` : ''}: ${said}`, { cause, kind })
}

function commandFailure(argv: Command['argv'], { exitCode, stderr }: CommandResult): CommandError {
  const facts = { argv, exitCode, signal: undefined, stderr, timedOut: false }
  return new CommandError(`${argv[0]} ended with exit code ${exitCode}`, facts)
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

/** @see rsync(1), --stats: numbers without separators, by --no-human-readable. */
export function parseStats(output: string): SyncStats {
  const number = (label: string) =>
    Number(new RegExp(`^${label}: ([\\d,]+)`, 'm').exec(output)?.[1]?.replaceAll(',', '') ?? 0)
  return {
    files: number('Number of files'),
    created: number('Number of created files'),
    deleted: number('Number of deleted files'),
    transferred: number('Number of regular files transferred'),
    transferredBytes: number('Total transferred file size'),
    sizeBytes: number('Total file size'),
  }
}

/** One update of --info=progress2: `  1,234  45%   1.23MB/s    0:00:12 (xfr#5, to-chk=0/7)`. */
export function parseProgress(line: string): Progress | undefined {
  const match = /^\s*([\d,]+)\s+(\d+)%\s+([\d.]+)([kMGT]?B)\/s\s/.exec(line)
  if (!match) return undefined
  const bytes = Number(match[1]?.replaceAll(',', ''))
  const percent = Number(match[2])
  const unit = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 }[match[4] as 'B'] ?? 1
  return {
    bytes,
    totalBytes: percent > 0 ? Math.round((bytes * 100) / percent) : null,
    bytesPerSecond: Math.round(Number(match[3]) * unit),
  }
}

/** Tells how far a copy has come: of all that there is to copy, or of nothing where that is not known. */
class Meter {
  readonly #onProgress: (progress: Progress) => void
  readonly #isAll: boolean
  #totalBytes: number | null
  #isListed = false
  #last: Progress | undefined

  constructor(totalBytes: number | 'all' | null, onProgress: (progress: Progress) => void) {
    this.#isAll = totalBytes === 'all'
    this.#totalBytes = totalBytes === 'all' ? null : totalBytes
    this.#onProgress = onProgress
  }

  read(progress: Progress, line: string): void {
    // Until rsync has seen the whole source (`ir-chk`), its percentage is that of a part.
    if (line.includes('to-chk=')) this.#isListed = true
    if (this.#isAll && this.#isListed && progress.totalBytes !== null) {
      // Percentages are rounded down, so that the total comes out too large: the least of them is nearest.
      this.#totalBytes = Math.min(this.#totalBytes ?? Number.POSITIVE_INFINITY, progress.totalBytes)
    }
    this.#tell(progress, this.#totalBytes)
  }

  /** What was there already, or was linked, is not copied: all of it is done nevertheless. */
  end(transferredBytes: number): void {
    if (this.#last) this.#tell({ ...this.#last, bytes: transferredBytes }, transferredBytes)
  }

  #tell(progress: Progress, totalBytes: number | null): void {
    this.#last = progress
    this.#onProgress({ ...progress, totalBytes: totalBytes && Math.max(totalBytes, progress.bytes) })
  }
}

/**
 * Reads what a copy prints, in lines that end with \n or \r: its progress; an item for each entry that differs in whatever
 * rsync sets, of which the statistics at the end count a part alone; and those. Whatever is neither progress nor
 * statistics counts as a change.
 * @see rsync(1), --itemize-changes
 */
class OutputReader {
  #rest = ''
  #statistics = ''
  #changes = 0
  #deletedNothing = false
  readonly #on: { onProgress: (progress: Progress, line: string) => void; onChange: () => void }

  constructor(on: { onProgress: (progress: Progress, line: string) => void; onChange: () => void }) {
    this.#on = on
  }

  add(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split(/[\r\n]/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#read(line)
  }

  /**
   * `statistics` is empty where there were none; `deletedNothing`: nothing was deleted any more from the first thing on
   * that could not be read.
   */
  end(): { statistics: string; changes: number; deletedNothing: boolean } {
    this.#read(this.#rest)
    return {
      statistics: this.#statistics,
      changes: this.#changes,
      deletedNothing: this.#deletedNothing,
    }
  }

  #read(line: string): void {
    if (this.#statistics !== '' || line.startsWith('Number of files: ')) {
      this.#statistics += `${line}\n`
      return
    }
    const progress = parseProgress(line)
    if (progress) this.#on.onProgress(progress, line)
    else if (line.trim() !== '') {
      this.#changes += 1
      this.#deletedNothing ||= line.startsWith('IO error encountered -- skipping file deletion')
      this.#on.onChange()
    }
  }
}
