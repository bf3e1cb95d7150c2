import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { appRoot } from '../../app-root.ts'
import type { CommandRunner } from '../command/command.ts'

/** What is asked of the process that reads. */
export interface Question {
  id: number
  /** Names the file for another process, in base64. */
  at: string
  /** Where it begins: a multiple of 4096. */
  from?: number | undefined
  /** How much is read; to the end unless given. */
  bytes?: number | undefined
  /** The digests of pieces of this size are wanted too. */
  pieceBytes?: number | undefined
}

/** What it answers: how much it has `read` since, or the digest, or why there is none. */
export interface Answer {
  id: number
  read?: number
  sha256?: string
  bytes?: number
  pieces?: string[]
  error?: string
  code?: string
}

export interface Digest {
  /** In hexadecimal digits. */
  sha256: string
  bytes: number
  pieces: readonly string[]
}

/** Reads files at a low priority, past the page cache. */
export interface Digests extends AsyncDisposable {
  /**
   * @param at Names the file in this machine's `/proc`: see `OpenFolder.forCommands`. A link there is not followed.
   * @throws {NodeJS.ErrnoException} It cannot be read; EIO where the disk has lost it.
   */
  of(
    at: Buffer,
    options?: Omit<Question, 'id' | 'at'> & { onRead?: (bytes: number) => void },
  ): Promise<Digest>
}

/** It reads for as long as it is asked. */
const timeoutMs = 7 * 24 * 3_600_000

const script = join(appRoot, `runtime/host/proof/digest-process${extname(import.meta.filename)}`)

/** How a command is begun that stands back behind everything else on the machine. @see ionice(1), the class idle */
const atLowPriority = ['nice', '-n', '19', 'ionice', '-c', '3'] as const

/** Starts the process that reads. It ends with what is returned, and with the handler that `runner` belongs to. */
export async function openDigests(runner: CommandRunner): Promise<Digests> {
  const warnings = ['ExperimentalWarning', 'MODULE_TYPELESS_PACKAGE_JSON'].map(
    (one) => `--disable-warning=${one}`,
  )
  const argv = [...atLowPriority, process.execPath, ...warnings, script] as const
  const { input, output, result } = await runner.open({ argv, timeoutMs })
  const waiting = new Map<number, { answer: PromiseWithResolvers<Digest>; onRead: (bytes: number) => void }>()
  let ended: Error | undefined
  const end = (error: Error) => {
    ended ??= error
    for (const { answer } of waiting.values()) answer.reject(error)
    waiting.clear()
  }
  input.on('error', () => {})
  result.then(
    () => end(new Error('the process that reads files has ended')),
    (error: Error) => end(error),
  )
  createInterface({ input: output }).on('line', (line) => {
    const { id, read, sha256, bytes = 0, pieces = [], error, code } = JSON.parse(line) as Answer
    const asked = waiting.get(id)
    if (read !== undefined) return asked?.onRead(read)
    waiting.delete(id)
    if (sha256 !== undefined) asked?.answer.resolve({ sha256, bytes, pieces })
    else asked?.answer.reject(Object.assign(new Error(error), { code }))
  })
  let count = 0
  return {
    of(at, { onRead = () => {}, ...options } = {}) {
      if (ended) return Promise.reject(ended)
      const id = ++count
      const answer = Promise.withResolvers<Digest>()
      waiting.set(id, { answer, onRead })
      input.write(`${JSON.stringify({ id, at: at.toString('base64'), ...options } satisfies Question)}\n`)
      return answer.promise
    },
    async [Symbol.asyncDispose]() {
      input.end()
      await result.catch(() => {})
    },
  }
}
