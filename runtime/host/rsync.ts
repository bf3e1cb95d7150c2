import { SuspectMirrorError, TerminalError } from '../errors.ts'
import type { Progress } from '../function.ts'
import { type Command, CommandError, type CommandRunner } from './command.ts'
import { lastLines } from './output.ts'

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
}

/** What a sync would do. */
export interface Forecast extends SyncStats {
  /** Whether it would do nothing at all, not even to an owner or a mode; false where that is not certain. */
  unchanged: boolean
}

/** How a sync ended when it did not fail. */
export type SyncOutcome =
  | { kind: 'done'; stats: SyncStats }
  /** Files vanished while they were copied: normal in a live directory, a fault in a snapshot. */
  | { kind: 'vanished'; stats: SyncStats }
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
    '--xattrs',
    '--numeric-ids',
    '--sparse',
    '--one-file-system',
    // Of those that are named, what the mirror does not have yet is for the copy of everything.
    ...(only === undefined
      ? ['--delete-delay']
      : [`--files-from=${only}`, '--from0', '--existing', '--ignore-missing-args']),
    ...(plan.subsecondTimes ? ['--modify-window=-1'] : []),
    ...(plan.checksum ? ['--checksum'] : []),
    ...(forecast
      ? ['--dry-run', '--info=stats2', '--out-format=%i']
      : [...(only === undefined ? [`--max-delete=${plan.maxDelete}`] : []), '--info=progress2,stats2']),
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

/** Finds out what a sync would do, without doing it. @throws As `sync`. */
export async function forecast(runner: CommandRunner, plan: SyncPlan): Promise<Forecast> {
  const { stdout, stderr, exitCode } = await run(runner, {
    argv: rsyncArgv(plan, true),
    timeoutMs,
    accept: [0, 24],
    ...signalOf(plan),
  })
  const unchanged = exitCode === 0 && stderr.trim() === '' && itemisesNothing(stdout)
  return { ...parseStats(stdout), unchanged }
}

/**
 * Whether rsync had nothing to tell but its statistics, all of whose counts are zero. Of a change of an attribute alone
 * they know nothing; the item list does, a line for each entry that differs in whatever rsync would set. Where it is
 * longer than what is kept of the output, its end is there in the place of the beginning.
 * @see rsync(1), --itemize-changes
 */
export function itemisesNothing(output: string): boolean {
  const { created, deleted, transferred, transferredBytes } = parseStats(output)
  return /^\s*Number of files: \d/.test(output) && created + deleted + transferred + transferredBytes === 0
}

/**
 * Makes the mirror equal to the source.
 * @param totalBytes Bytes that will be transferred, where a forecast has told; rsync's own percentage counts
 *   only what it has found so far.
 * @throws {TerminalError} Exit 23 and the like: something could not be read or written.
 * @throws {CommandError} A failure that may pass.
 */
export async function sync(
  runner: CommandRunner,
  plan: SyncPlan,
  totalBytes: number | null,
  onProgress: (progress: Progress) => void,
): Promise<SyncOutcome> {
  const lines = new LineReader((line) => {
    const progress = parseProgress(line)
    if (progress) onProgress({ ...progress, totalBytes: totalBytes ?? progress.totalBytes })
  })
  const result = await run(runner, {
    argv: rsyncArgv(plan),
    timeoutMs,
    accept: [0, 24, 25],
    ...signalOf(plan),
    onStdout: (chunk) => lines.add(chunk),
  })
  const stats = parseStats(lines.end())
  // 23 masks 25, and 24 masks 25 too: the message is what counts.
  const limited = result.exitCode === 25 || /Deletions stopped/.test(result.stderr)
  if (limited)
    return { kind: 'limited', stats, skipped: Number(/\((\d+) skipped\)/.exec(result.stderr)?.[1] ?? 1) }
  return { kind: result.exitCode === 24 ? 'vanished' : 'done', stats }
}

function signalOf({ signal }: SyncPlan): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}

async function run(runner: CommandRunner, command: Command) {
  try {
    return await runner.run(command)
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === undefined || error.timedOut) throw error
    const what = exits[error.exitCode] ?? `rsync ended with exit code ${error.exitCode}`
    const full = /No space left|Disk quota exceeded/.exec(error.stderr)?.[0]
    const message = `${what}${full ? ` (${full} on the target)` : ''}: ${firstComplaint(error.stderr)}`
    if (passing.has(error.exitCode) && !full) throw error
    // The disk is failing: what was written before it did may be lost too.
    const failing = /Input\/output error|Read-only file system/.test(error.stderr)
    throw new (failing ? SuspectMirrorError : TerminalError)(message, { cause: error })
  }
}

/** rsync's last line only says that there were errors; the first complaint says which. */
function firstComplaint(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() && !/^rsync error:/.test(line))
  return lines[0]?.trim() ?? lastLines(stderr, 1)
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

/** Cuts output into lines at \n and \r, and keeps the end of it for the statistics. */
class LineReader {
  #rest = ''
  #kept: string[] = []
  readonly #onLine: (line: string) => void

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  add(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('utf8')).split(/[\r\n]/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      this.#onLine(line)
      if (/^\S/.test(line)) this.#kept = [...this.#kept.slice(-40), line]
    }
  }

  end(): string {
    return [...this.#kept, this.#rest].join('\n')
  }
}
