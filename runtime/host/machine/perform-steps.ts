import { existsSync } from 'node:fs'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { runInTerminal } from '../command/in-terminal.ts'
import { readMounts, topMountAt } from '../mount/mountinfo.ts'
import { forgetRestores } from '../restore/forget-restores.ts'
import type { JournalPlace, RescueJournal } from './rescue-journal.ts'
import type { Step } from './step.ts'

export interface Performing {
  runner: CommandRunner
  place: JournalPlace
  /** What marks the programs of this rescue, see `endOrphans`. */
  owner: string
  /** How hdsync itself is started. */
  hdsync: readonly [string, ...string[]]
  signal: AbortSignal
  /** Told of each step before it begins. */
  begins(step: Step, number: number, of: number): void
  /** Told of a `mayFail` step that has failed. */
  failed(step: Step, reason: string): void
}

const week = 7 * 24 * 3600 * 1000

/**
 * Does the steps of a rescue that are left. A step is noted as done once its result is on the disks. What does not survive a
 * boot of the live system (mounts, opened devices) is brought back.
 * @throws {Error} A step failed. Safe to repeat: the next call goes on from there.
 */
export async function performSteps(journal: RescueJournal, performing: Performing): Promise<void> {
  const { place, begins, failed, signal, runner } = performing
  const done = new Set(journal.done)
  for (const [index, step] of journal.steps.entries()) {
    signal.throwIfAborted()
    const wasDone = done.has(step.id)
    if (wasDone && !step.again) continue
    // The step that was cut off may be complete.
    const mayStand = wasDone || journal.doing === step.id
    if (mayStand && (await standsAgain(step, runner))) {
      done.add(step.id)
      continue
    }
    begins(step, index + 1, journal.steps.length)
    if (!wasDone) place.write({ ...journal, done: [...done], doing: step.id })
    try {
      const partly = await perform(
        wasDone && step.again ? { ...step, argv: step.again.argv } : step,
        performing,
      )
      if (partly !== undefined) failed(step, partly)
    } catch (error) {
      signal.throwIfAborted()
      if (!step.mayFail) throw error
      failed(step, (error as Error).message)
    }
    await runner.run({ argv: ['sync'], timeoutMs: week, interruptible: false })
    done.add(step.id)
    place.write({ ...journal, done: [...done] })
  }
  place.write({ ...journal, done: [...done], ended: true })
}

/** Whether the result of a step is there, or could be brought back. Only the step itself asks for a passphrase. */
async function standsAgain({ again, asks }: Step, runner: CommandRunner): Promise<boolean> {
  if (!again) return false
  if (await stands(again, runner)) return true
  if (asks) return false
  try {
    await runner.run({ argv: again.argv, timeoutMs: week, interruptible: false })
    return await stands(again, runner)
  } catch {
    return false
  }
}

async function stands(again: NonNullable<Step['again']>, runner: CommandRunner): Promise<boolean> {
  if ('exists' in again) return existsSync(again.exists)
  if ('mounted' in again) return topMountAt(readMounts(), again.mounted) !== undefined
  return runner.run({ argv: again.succeeds, timeoutMs: 60_000 }).then(
    () => true,
    () => false,
  )
}

/** @returns What is incomplete: a sentence. */
async function perform(
  { argv, input, asks, fills }: Step,
  { runner, owner, hdsync }: Performing,
): Promise<string | undefined> {
  const [program, ...words] = argv
  if (program !== 'hdsync' && !asks) {
    // Not interruptible: no file system or volume is left half made.
    await runner.run({ argv, timeoutMs: week, interruptible: false, ...(input !== undefined && { input }) })
    return undefined
  }
  // Leftovers of a restore that was cut off take the room that this one needs.
  if (fills !== undefined) await forgetRestores(fills, runner)
  // In the terminal: a passphrase is typed, and a restore shows its progress.
  const status = await runInTerminal(program === 'hdsync' ? [...hdsync, ...words] : argv, owner)
  if (fills !== undefined) await forgetRestores(fills, runner)
  if (status === 0) return undefined
  if (program === 'hdsync' && status === 1) return 'not everything came back; what did not is listed above'
  throw new TerminalError(`${[program, ...words].join(' ')} ended with ${status}`)
}
