import { execa } from 'execa'
import { TerminalError } from '../../errors.ts'
import { commandEnvironment } from './environment.ts'
import { packageHint } from './packages.ts'

/** How a command ended that had the input and output of this process. */
export interface HandedOver {
  exitCode: number | undefined
  signal: string | undefined
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
}

/**
 * Runs a command that reads and writes this process's own input and output, all its errors too.
 * @throws {TerminalError} It is not installed.
 */
export async function handOver(
  argv: readonly [string, ...string[]],
  { cwd, owner, signal, files = [], onInput }: Handing,
): Promise<HandedOver> {
  const [program, ...words] = argv
  const running = execa(program, words, {
    cwd,
    // execa takes any number, and declares those below 10 alone.
    stdio: [onInput ? 'pipe' : 'inherit', 'inherit', 'inherit', ...(files as readonly 3[])],
    reject: false,
    extendEnv: false,
    env: commandEnvironment(owner),
    cancelSignal: signal,
    forceKillAfterDelay: 1000,
  })
  const input = running.stdin
  // A command that ends early says why with its exit code.
  input?.on('error', () => {})
  if (input) process.stdin.on('data', (chunk: Buffer) => onInput?.(chunk.length)).pipe(input)
  const ended = await running
  if (input) process.stdin.unpipe(input).destroy()
  if (ended.code === 'ENOENT') {
    const hint = packageHint(program)
    throw new TerminalError(`${program} is not installed`, hint === undefined ? {} : { hint })
  }
  return { exitCode: ended.exitCode, signal: ended.signal }
}
