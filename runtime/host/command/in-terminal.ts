import { execa } from 'execa'
import { TerminalError } from '../../errors.ts'
import { commandEnvironment } from './environment.ts'
import { packageHint } from './packages.ts'

/**
 * Runs a command that talks with whoever sits at the terminal: it has this process's own input. What it prints is no result of
 * this process, and goes to its standard error.
 * @param owner What marks it as ours, see `endOrphans`.
 * @returns Its exit code.
 * @throws {TerminalError} It is not installed, or was ended by a signal.
 */
export async function runInTerminal(argv: readonly [string, ...string[]], owner: string): Promise<number> {
  const [program, ...words] = argv
  const { exitCode, signal, code } = await execa(program, words, {
    stdio: ['inherit', 2, 'inherit'],
    reject: false,
    extendEnv: false,
    env: { ...commandEnvironment(owner), TERM: process.env.TERM },
  })
  if (code === 'ENOENT') {
    const hint = packageHint(program)
    throw new TerminalError(`${program} is not installed`, hint === undefined ? {} : { hint })
  }
  if (exitCode === undefined) throw new TerminalError(`${program} was ended by ${signal ?? code}`)
  return exitCode
}
