import { execa } from 'execa'
import { TerminalError } from '../../errors.ts'
import { commandEnvironment } from './environment.ts'
import { packageHint } from './packages.ts'

/** How a command ended that had the input and output of this process. */
export interface HandedOver {
  exitCode: number | undefined
  signal: string | undefined
}

/**
 * Runs a command that reads and writes this process's own input and output, all its errors too.
 * @param owner What marks it as ours, see `endOrphans`.
 * @throws {TerminalError} It is not installed.
 */
export async function handOver(
  argv: readonly [string, ...string[]],
  { cwd, owner, signal }: { cwd: string; owner: string; signal: AbortSignal },
): Promise<HandedOver> {
  const [program, ...words] = argv
  const ended = await execa(program, words, {
    cwd,
    stdio: 'inherit',
    reject: false,
    extendEnv: false,
    env: commandEnvironment(owner),
    cancelSignal: signal,
    forceKillAfterDelay: 1000,
  })
  if (ended.code === 'ENOENT') {
    const hint = packageHint(program)
    throw new TerminalError(`${program} is not installed`, hint === undefined ? {} : { hint })
  }
  return { exitCode: ended.exitCode, signal: ended.signal }
}
