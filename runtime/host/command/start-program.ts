import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

/** How a program ended; `error` where it could not be started. */
export interface ProgramEnd {
  exitCode: number | undefined
  signal: NodeJS.Signals | undefined
  error: NodeJS.ErrnoException | undefined
}

export type Program<Input extends Writable | null> = ChildProcessByStdio<Input, Readable, Readable>

/**
 * Starts a program in a session of its own, as Ctrl-C in the terminal is for hdsync, which stops its commands in order.
 * @returns `ended` resolves when it has ended and what it has written has been read; it does not reject.
 * @throws {NodeJS.ErrnoException} There is no way to try: too many files are open, or its arguments are too long.
 */
export function startProgram<Input extends Writable | null>(
  [program, ...words]: readonly [string, ...string[]],
  { env, stdin }: { env: NodeJS.ProcessEnv; stdin: Input extends null ? 'ignore' : 'pipe' },
): { child: Program<Input>; ended: Promise<ProgramEnd> } {
  const child = spawn(program, words, { env, detached: true, stdio: [stdin, 'pipe', 'pipe'] })
  const ended = new Promise<ProgramEnd>((resolve) => {
    let error: NodeJS.ErrnoException | undefined
    child.on('error', (reason) => {
      error = reason
    })
    child.once('close', (code, signal) =>
      resolve({ exitCode: error ? undefined : (code ?? undefined), signal: signal ?? undefined, error }),
    )
  })
  if (!child.stdout) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
  return { child: child as unknown as Program<Input>, ended }
}
