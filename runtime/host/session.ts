import { createInterface } from 'node:readline'
import { TerminalError } from '../errors.ts'
import type { Command, CommandResult, CommandRunner } from './command.ts'

/** A program that is talked to while it runs, line by line: a database's client that holds a lock. */
export interface Session {
  /** Writes a line to its standard input. What is said is not on record: it may hold a password. */
  say(line: string): void
  /** The next line of its standard output. @throws {CommandError} It ended, or its time was up, before there was one. */
  hear(): Promise<string>
  /** Closes its standard input and waits for its end. @throws {CommandError} It failed. */
  end(): Promise<CommandResult>
}

/**
 * Starts a session. It ends with the function that began it at the latest; if hdsync is killed, the program finds the
 * end of its input, as the pipe has nobody at the other end any more.
 */
export function openSession(runner: CommandRunner, command: Command): Session {
  const { input, output, result } = runner.open(command)
  const lines = createInterface({ input: output })
  const heard: string[] = []
  const waiting: PromiseWithResolvers<string>[] = []
  lines.on('line', (line) => {
    const first = waiting.shift()
    if (first) first.resolve(line)
    else heard.push(line)
  })
  // Its end is known once its last line has been read, so that none is lost.
  const closed = new Promise<void>((resolve) => lines.once('close', resolve))
  const failure = closed.then(async (): Promise<Error> => {
    const error = await result.then(
      () => new TerminalError(`${command.argv[0]} ended without an answer`),
      (error: Error) => error,
    )
    return error
  })
  // What is written to a program that has ended is lost; its end says why.
  input.on('error', () => {})

  return {
    say: (line) => void input.write(`${line}\n`),
    async hear() {
      const line = heard.shift()
      if (line !== undefined) return line
      const next = Promise.withResolvers<string>()
      waiting.push(next)
      // It may have ended long ago.
      void failure.then(next.reject)
      return next.promise
    },
    end() {
      input.end()
      return result
    },
  }
}
