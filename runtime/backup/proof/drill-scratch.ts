import { removeScratch } from '../../host/proof/scratch.ts'
import type { Context } from '../function.ts'

/** Removes what drills have left: that of one run, or of all. Safe to repeat. @throws {TerminalError} Something is mounted there. */
export function emptyScratch(
  scratch: string,
  { commands }: Pick<Context['host'], 'commands'>,
  run?: string,
): Promise<void> {
  return removeScratch(scratch, commands, run)
}
