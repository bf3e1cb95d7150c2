import type { Target } from '../../config/config.ts'
import type { Progress } from '../../progress.ts'
import type { CommandRunner } from '../command/command.ts'
import { whyUnplugged } from '../target/plugged-in.ts'
import { type Proving, proveCopy } from './prove-copy.ts'
import { type Sending, sendArchive } from './send-archive.ts'

/** Copies of archives on other disks. */
export interface Copies {
  /** See `whyUnplugged`. */
  absence(target: Target): Promise<string | undefined>
  /** See `sendArchive`. */
  send(sending: Sending, onProgress: (progress: Progress) => void): Promise<string | null>
  /** See `proveCopy`. @param now Milliseconds since the epoch. */
  prove(proving: Proving, now: number, onProgress: (progress: Progress) => void): Promise<string | undefined>
}

export function createCopies(runner: CommandRunner, signal: AbortSignal): Copies {
  return {
    absence: (target) => whyUnplugged(target, runner),
    send: (sending, onProgress) => sendArchive(sending, { signal, onProgress }),
    prove: (proving, now, onProgress) => proveCopy(proving, { runner, signal, now: () => now, onProgress }),
  }
}
