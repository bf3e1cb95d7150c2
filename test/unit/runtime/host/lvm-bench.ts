import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, CommandError, type CommandRunner } from '../../../../runtime/host/command/command.ts'

/** What a command prints; or how it fails. */
type Answer = string | Error

/** A runner in the place of LVM and its like, and the commands that it was given, each in a line. */
export function answeringRunner(answer: (line: string, command: Command) => Answer): {
  runner: CommandRunner
  asked: string[]
} {
  const asked: string[] = []
  const run: CommandRunner['run'] = async (command) => {
    const line = command.argv.join(' ')
    asked.push(line)
    const said = answer(line, command)
    if (said instanceof Error) throw said
    return { exitCode: 0, stdout: said, stderr: '', durationMs: 1 }
  }
  const open = () => {
    throw new Error('none of these is talked to')
  }
  return { runner: { run, open }, asked }
}

/** A command that ended with an exit code; null for one that was killed. */
export function failed(stderr: string, exitCode: number | null = 5): CommandError {
  const end = exitCode === null ? { exitCode: undefined, signal: 'SIGKILL' } : { exitCode, signal: undefined }
  return new CommandError(`lvs failed: ${stderr}`, { argv: ['lvs'], stderr, timedOut: false, ...end })
}

/** Recorded output of LVM 2.03.16. */
export function recordedReport(name: string): string {
  return readFileSync(join(import.meta.dirname, 'recorded', `${name}.json`), 'utf8')
}
