import type { Readable, Writable } from 'node:stream'
import { execa } from 'execa'
import { TerminalError } from '../../errors.ts'
import { commandEnvironment } from './environment.ts'
import { packageHint } from './packages.ts'

/** How a command ended that had the input and output of this process, or of somebody else. */
export interface HandedOver {
  exitCode: number | undefined
  signal: string | undefined
  /** What it said on standard error, where that is not this process's own. */
  stderr: string
}

/** Whom a command talks to. */
export interface Peer {
  input: Readable
  output: Writable
}

/** What a command is given that has the input and output of this process. */
interface Handing {
  cwd: string
  /** What marks it as ours, see `endOrphans`. */
  owner: string
  signal: AbortSignal
  /** Open files of this process that it has as 3 and on: locks on them hold as long as it lives. */
  files?: readonly number[]
  /** Told how many bytes of the input have passed; without it the command reads them by itself. */
  onInput?: (bytes: number) => void
  /** Whom it talks to; whoever talks to this process, unless given. `null`: nobody, but by `files`. */
  peer?: Peer | null | undefined
}

/** What a command may say that talks to somebody else. */
const stderrLimit = 64 * 1024
/** How long a peer may take to read the end of what a command has written: no more than a pipe holds. */
const lastWordsMs = 60_000

/**
 * Runs a command that reads and writes this process's own input and output, all its errors too; or those of a peer.
 * @throws {TerminalError} It is not installed.
 */
export async function handOver(
  argv: readonly [string, ...string[]],
  { cwd, owner, signal, files = [], onInput, peer }: Handing,
): Promise<HandedOver> {
  const [program, ...words] = argv
  const [stdin, stdout, stderr] = peer
    ? (['pipe', 'pipe', 'pipe'] as const)
    : peer === null
      ? (['ignore', 'ignore', 'inherit'] as const)
      : ([onInput ? 'pipe' : 'inherit', 'inherit', 'inherit'] as const)
  const running = execa(program, words, {
    cwd,
    // execa takes any number, and declares those below 10 alone.
    stdio: [stdin, stdout, stderr, ...(files as readonly 3[])],
    buffer: { stdout: false },
    maxBuffer: { stderr: stderrLimit },
    reject: false,
    extendEnv: false,
    env: commandEnvironment(owner),
    cancelSignal: signal,
    forceKillAfterDelay: 1000,
  })
  const input = running.stdin
  const source = peer?.input ?? process.stdin
  // A command that ends early says why with its exit code.
  input?.on('error', () => {})
  const count = (chunk: Buffer) => onInput?.(chunk.length)
  if (input) source.on('data', count).pipe(input)
  using lingering = new DisposableStack()
  if (peer) {
    peer.output.on('error', () => {})
    running.stdout?.pipe(peer.output)
    // What a command that has ended has written waits for the peer, which may never read it.
    running.nodeChildProcess.once('exit', () => {
      const leave = () => running.stdout?.destroy()
      peer.output.once('close', leave)
      lingering.adopt(setTimeout(leave, lastWordsMs), clearTimeout)
      signal.addEventListener('abort', leave)
      lingering.defer(() => signal.removeEventListener('abort', leave))
      if (signal.aborted || peer.output.destroyed) leave()
    })
  }
  const ended = await running
  if (input) source.off('data', count).unpipe(input)
  if (input) source.destroy()
  if (ended.code === 'ENOENT') {
    const hint = packageHint(program)
    throw new TerminalError(`${program} is not installed`, hint === undefined ? {} : { hint })
  }
  return { exitCode: ended.exitCode, signal: ended.signal, stderr: ended.stderr ?? '' }
}
