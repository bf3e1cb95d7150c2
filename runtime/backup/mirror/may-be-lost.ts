import { CancelledError, InterruptedError, SuspectMirrorError } from '../../errors.ts'

/** Whether what a copy wrote may be lost although it looks good: the disk failed, or the machine went down. */
export function spoils(error: Error): boolean {
  return error instanceof SuspectMirrorError || (error instanceof InterruptedError && error.machineWentDown)
}

/**
 * Whether a mirror may have lost a copy that was not brought onto the disk. After a cancelled run, or one of an hdsync that
 * was stopped, the kernel still has all of it.
 */
export function spoilsUnflushed(error: Error): boolean {
  return spoils(error) || !(error instanceof CancelledError || error instanceof InterruptedError)
}
