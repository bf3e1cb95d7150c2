import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { commandEnvironment } from './environment.ts'
import { type Program, startProgram } from './start-program.ts'

/**
 * Starts a command that outlasts the function that has started it, and keeps nobody waiting who wants to end: it finds the end of its input then.
 * A signal is for its group. Nothing of it is on record.
 * @param owner What marks it as ours, see `endOrphans`.
 */
export function startLasting(argv: readonly [string, ...string[]], owner: string): Program<Writable> {
  const { child } = startProgram<Writable>(argv, { env: commandEnvironment(owner), stdin: 'pipe' })
  child.unref()
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket).unref()
  return child
}
