import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { RetryableError, TerminalError } from '../../errors.ts'
import { askAgainLater } from '../../vault-protocol.ts'
import type { CommandRunner } from '../command/command.ts'
import { handOver } from '../command/handed-over.ts'

/** What flock(1) ends with where somebody else holds the lock: no exit code of rsync. */
const heldCode = 75

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

/** Takes the first of these locks that nobody holds. @returns An open file that holds it; undefined where all are held. */
export async function firstFree(paths: readonly string[]): Promise<FileHandle | undefined> {
  for (const path of paths) {
    const file = await open(path)
    const { exitCode } = await handOver(
      ['flock', '--nonblock', '--conflict-exit-code', String(heldCode), '3'],
      { cwd: '/', owner: 'lock', signal: new AbortController().signal, files: [file.fd], peer: null },
    )
    if (exitCode === 0) return file
    await file.close()
    if (exitCode !== heldCode) throw new TerminalError(`flock cannot lock ${path}: it ended with ${exitCode}`)
  }
  return undefined
}

/** Something of the host is still going on. */
export class HostBusyError extends RetryableError {
  constructor(host: string) {
    super(`${host} is sending, or the vault is reading what it has sent: ${askAgainLater}`)
  }
}

/** As long as a timer of Node can be. */
const longestMs = 24 * 86_400_000
