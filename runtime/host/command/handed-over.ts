import { execa } from 'execa'
import { TerminalError } from '../../errors.ts'
import { commandEnvironment } from './environment.ts'
import { packageHint } from './packages.ts'

/** How a command ended that had the input and output of this process. */
export interface HandedOver {
  exitCode: number | undefined
  signal: string | undefined
  /** What it wrote to descriptor 3, its end. */
  said: string
}

/** What it says there is short. */
const mostSaid = 65_536

/**
 * Runs a command that reads and writes this process's own input and output, all its errors too. It may say something to this
 * process on descriptor 3 (`/proc/self/fd/3`).
 * @param owner What marks it as ours, see `endOrphans`.
 * @throws {TerminalError} It is not installed.
 */
export async function handOver(
  argv: readonly [string, ...string[]],
  { cwd, owner, signal }: { cwd: string; owner: string; signal: AbortSignal },
): Promise<HandedOver> {
  const [program, ...words] = argv
  const running = execa(program, words, {
    cwd,
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    buffer: false,
    reject: false,
    extendEnv: false,
    env: commandEnvironment(owner),
    cancelSignal: signal,
    forceKillAfterDelay: 1000,
  })
  let said = ''
  running.stdio[3].on('data', (chunk: Buffer) => {
    said = (said + chunk).slice(-mostSaid)
  })
  const { exitCode, signal: endedBy, code } = await running
  if (code === 'ENOENT') {
    const hint = packageHint(program)
    throw new TerminalError(`${program} is not installed`, hint === undefined ? {} : { hint })
  }
  return { exitCode, signal: endedBy, said }
}
