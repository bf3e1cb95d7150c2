import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import type { Socket } from 'node:net'
import { execa } from 'execa'
import { commandEnvironment } from './environment.ts'

/**
 * Starts a command that outlasts the function that has started it, and keeps nobody waiting who wants to end: it finds the end of its input then.
 * A signal is for its group. Nothing of it is on record.
 * @param owner What marks it as ours, see `endOrphans`.
 */
export function startLasting(
  argv: readonly [string, ...string[]],
  owner: string,
): ChildProcessWithoutNullStreams {
  const [program, ...words] = argv
  const child = execa(program, words, {
    ...{ env: commandEnvironment(owner), extendEnv: false },
    // As with every command: Ctrl-C in the terminal is for hdsync.
    ...{ detached: true, cleanup: false, reject: false, buffer: false },
    ...{ stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' },
  }).nodeChildProcess as ChildProcessWithoutNullStreams
  child.unref()
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket).unref()
  return child
}
