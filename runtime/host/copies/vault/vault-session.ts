import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { TerminalError } from '../../../errors.ts'
import {
  answerLimit,
  refusal,
  sessionRequest,
  sessionVersion,
  type VaultRequest,
} from '../../../vault-protocol.ts'
import { startLasting } from '../../command/lasting.ts'
import { destinationOf, type Reach, sshWords, vaultText } from './ssh.ts'

// What a run asks a vault goes over one session of its connection, line by line: then one process answers all of it. The session is
// open from one step of the run to the next, and keeps nobody waiting who wants to end. The other end goes when nothing was asked for a while, as when
// an archive is sent meanwhile: the next request opens another one.

/** What came of asking: a line, or how ssh(1) ended before there was one. */
export type Heard = { line: string } | { ended: Ended }

/** How ssh(1) has ended. */
export interface Ended {
  exitCode: number | undefined
  signal: string | undefined
  stderr: string
  timedOut: boolean
}

/** What a host asks in a session. */
export type Asked = Exclude<VaultRequest, { do: 'get' }>

export interface SessionOptions {
  /** Marks ssh(1) as ours, see `endOrphans`. */
  owner: string
  timeoutMs: number
  signal: AbortSignal
}

/** Of ssh(1)'s words, more is not for people. */
const stderrLimit = 16 * 1024

const open = new Map<string, VaultSession>()
/** Over these connections, each request comes by itself: the vault is of another version, or has no ear for lines. */
const alone = new Set<string>()

/**
 * Asks over the session of a connection. Safe to repeat, as all that is asked is: where an earlier session has ended meanwhile, it is asked over another one.
 * @returns undefined where the vault takes no sessions, or nothing is shared.
 * @throws {TerminalError} The answer is too long. @throws Why the signal was aborted.
 */
export async function askInSession(
  request: Asked,
  vault: Reach,
  { owner, timeoutMs, signal }: SessionOptions,
): Promise<Heard | undefined> {
  const { socket } = vault
  if (socket === undefined || alone.has(socket)) return undefined
  const line = JSON.stringify({ ...request, v: sessionVersion })
  for (;;) {
    const known = open.get(socket)
    const session = known ?? new VaultSession(vault, owner)
    open.set(socket, session)
    const heard = await session.ask(line, timeoutMs, signal)
    if ('line' in heard && !isOfOther(heard.line)) return heard
    session.close()
    open.delete(socket)
    // It went while nothing was asked.
    if ('ended' in heard && known && !heard.ended.timedOut) continue
    // ssh(1) that could not be started says why by itself, where it is asked alone.
    if ('ended' in heard && (heard.ended.timedOut || heard.ended.exitCode !== 0)) return heard
    alone.add(socket)
    return undefined
  }
}

/** Ends the sessions of the connections whose sockets begin so. Safe to repeat. */
export function endSessions(prefix: string): void {
  for (const [socket, session] of open) {
    if (!socket.startsWith(prefix)) continue
    session.close()
    open.delete(socket)
  }
  for (const socket of alone) if (socket.startsWith(prefix)) alone.delete(socket)
}

/** A vault that knows no sessions says so as one of its own version. */
function isOfOther(line: string): boolean {
  try {
    const refused = refusal.safeParse(JSON.parse(line)).data
    return refused !== undefined && refused.v !== sessionVersion
  } catch {
    return false
  }
}

/** One that has ended may have children that hold its output open: it is not waited for any longer. */
const outputGraceMs = 1000

class VaultSession {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #where: string
  readonly #ended: Promise<Ended>
  #hear: ((chunk: Buffer) => void) | undefined
  #isKilled = false

  constructor(vault: Reach, owner: string) {
    const request = JSON.stringify(sessionRequest.parse({ v: sessionVersion, do: 'session' }))
    this.#where = vaultText(vault)
    const child = startLasting([...sshWords(vault), destinationOf(vault), request], owner)
    this.#child = child
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-stderrLimit)
    })
    child.stdin.on('error', () => {})
    // An answer that nobody has asked for would be taken for that of the next request.
    child.stdout.on('data', (chunk: Buffer) => (this.#hear ? this.#hear(chunk) : this.#kill()))
    this.#ended = new Promise((resolve) => {
      const end = () =>
        resolve({
          ...{ exitCode: child.exitCode ?? undefined, signal: child.signalCode ?? undefined },
          ...{ stderr, timedOut: false },
        })
      child.once('error', end).once('close', end)
      child.once('exit', () => setTimeout(end, outputGraceMs).unref())
    })
  }

  /** @throws {TerminalError} The answer is too long. @throws Why the signal was aborted. */
  async ask(line: string, timeoutMs: number, signal: AbortSignal): Promise<Heard> {
    signal.throwIfAborted()
    if (this.#isKilled) return { ended: await this.#ended }
    const { promise, resolve, reject } = Promise.withResolvers<Heard>()
    const read: Buffer[] = []
    let bytes = 0
    this.#hear = (chunk) => {
      read.push(chunk)
      bytes += chunk.length
      if (bytes > answerLimit) {
        reject(new TerminalError(`the answer of ${this.#where} is longer than ${answerLimit} bytes`))
        return this.#kill()
      }
      const end = chunk.indexOf(0x0a)
      if (end < 0) return
      resolve({ line: Buffer.concat(read).toString('utf8', 0, bytes - chunk.length + end) })
      if (end < chunk.length - 1) this.#kill()
    }
    void this.#ended.then((ended) => resolve({ ended }))
    const timer = setTimeout(() => {
      resolve({ ended: { exitCode: undefined, signal: undefined, stderr: '', timedOut: true } })
      this.#kill()
    }, timeoutMs)
    const abort = () => {
      reject(signal.reason)
      this.#kill()
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#child.stdin.write(`${line}\n`)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      this.#hear = undefined
    }
  }

  close(): void {
    this.#child.stdin.end()
  }

  #kill(): void {
    this.#isKilled = true
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGTERM')
    } catch {
      // It has ended in the meantime.
    }
  }
}
