import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { TerminalError } from '../../errors.ts'
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
  const opened = runner.open(command)
  const heard: string[] = []
  const waiting: PromiseWithResolvers<string>[] = []
  const listen = async (): Promise<never> => {
    const { input, output, result } = await opened
    // What is written to a program that has ended is lost; its end says why.
    input.on('error', () => {})
    const lines = createInterface({ input: output })
    lines.on('line', (line) => {
      const first = waiting.shift()
      if (first) first.resolve(line)
      else heard.push(line)
    })
    // Its end is told once its last line has been read, so that none is lost.
    await once(lines, 'close')
    await result
    throw new TerminalError(`${command.argv[0]} ended without an answer`)
  }
  const failure = listen().catch((error: Error) => error)

  return {
    say: (line) =>
      void opened.then(
        ({ input }) => input.write(`${line}\n`),
        () => {},
      ),
    async hear() {
      const line = heard.shift()
      if (line !== undefined) return line
      const next = Promise.withResolvers<string>()
      waiting.push(next)
      // It may have ended long ago.
      void failure.then(next.reject)
      return next.promise
    },
    async end() {
      const { input, result } = await opened
      input.end()
      return result
    },
  }
}
