import type { Progress } from '../../progress.ts'
import { type Command, CommandError, type CommandRunner } from '../command/command.ts'
import { CopyMeter } from './copy-meter.ts'
import { rsyncArgv, type SyncPlan } from './rsync-argv.ts'
import { ComplaintReader, type Complaints, leftOutOf } from './rsync-errors.ts'
import { failureOf, outcomeOf, type SyncOutcome } from './rsync-exit-codes.ts'
import { type Forecast, ForecastReader, OutputReader } from './rsync-output.ts'

/** A first copy of a large volume takes its time. */
const timeoutMs = 7 * 24 * 3_600_000

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
  // A mirror of a million files is more than the end of the output that is kept.
  await run(runner, plan, rsyncArgv(plan, true), [0, 23, 24], (chunk) => output.add(chunk))
  return output.end()
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
  const meter = new CopyMeter(totalBytes, onProgress)
  const output = new OutputReader({ onProgress: (progress, line) => meter.read(progress, line), onChange })
  const argv = rsyncArgv({ ...plan, bytesPerSecond: runner.readLimit?.bytesPerSecond })
  const ended = await run(runner, plan, argv, [0, 23, 24, 25], (chunk) => output.add(chunk))
  const printed = output.end()
  const outcome = outcomeOf(ended.exitCode, ended.complaints, printed)
  if (outcome.kind === 'done') meter.end(printed.stats.transferredBytes)
  return outcome
}

/** Runs rsync, and listens to what it complains about. @throws As `failureOf` judges. */
async function run(
  runner: CommandRunner,
  { from, to, signal }: SyncPlan,
  argv: Command['argv'],
  accept: readonly number[],
  onStdout: (chunk: Buffer) => void,
): Promise<{ exitCode: number; complaints: Complaints }> {
  const reader = new ComplaintReader([from, to])
  const onStderr = (chunk: Buffer) => reader.add(chunk)
  try {
    const command = { argv, timeoutMs, accept, onStdout, onStderr, ...(signal && { signal }) }
    const { exitCode, stderr } = await runner.run(command)
    const complaints = reader.end()
    if (exitCode !== 23 || leftOutOf(complaints)) return { exitCode, complaints }
    const facts = { argv, exitCode, signal: undefined, stderr, timedOut: false }
    throw new CommandError(`rsync ended with exit code ${exitCode}`, facts)
  } catch (error) {
    throw error instanceof CommandError ? failureOf(error, reader.end(), to) : error
  }
}
