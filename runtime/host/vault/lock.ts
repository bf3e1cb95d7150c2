import { once } from 'node:events'
import { RetryableError } from '../../errors.ts'
import { askAgainLater } from '../../vault-protocol.ts'
import type { CommandRunner } from '../command/command.ts'

/** What flock(1) ends with where somebody else holds the lock: no exit code of rsync. */
export const heldCode = 75

/**
 * Takes a lock without waiting, and holds it until it is disposed of, or this process ends: it lies with a child that reads
 * from this process. Node has no flock(2).
 * @param path Of a file that is there.
 * @returns undefined where somebody else holds it.
 */
export async function takeLock(path: string, runner: CommandRunner): Promise<AsyncDisposable | undefined> {
  const argv = ['flock', '--nonblock', '--conflict-exit-code', String(heldCode), path, 'cat'] as const
  const { input, output, result } = await runner.open({ argv, timeoutMs: longestMs, accept: [0, heldCode] })
  input.on('error', () => {})
  input.write('.')
  const held = await Promise.race([once(output, 'data').then(() => true), result.then(() => false)])
  if (!held) return undefined
  return {
    async [Symbol.asyncDispose]() {
      input.end()
      await result.catch(() => {})
    },
  }
}

/** Something of the host is still going on. */
export class HostBusyError extends RetryableError {
  constructor(host: string) {
    super(`${host} is sending, or the vault is reading what it has sent: ${askAgainLater}`)
  }
}

/** As long as a timer of Node can be. */
const longestMs = 24 * 86_400_000
