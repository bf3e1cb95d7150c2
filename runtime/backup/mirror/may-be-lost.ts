import { CancelledError, InterruptedError, SuspectMirrorError } from '../../errors.ts'

/** Whether writes of a copy may be lost although the mirror looks good: the disk failed, or the machine went down. */
export function spoils(error: Error): boolean {
  return error instanceof SuspectMirrorError || (error instanceof InterruptedError && error.machineWentDown)
}

/**
 * Whether a copy that was not flushed may be lost. Not after a cancelled run or a stopped hdsync: the kernel still has all
 * of it.
 */
export function spoilsUnflushed(error: Error): boolean {
  return spoils(error) || !(error instanceof CancelledError || error instanceof InterruptedError)
}
