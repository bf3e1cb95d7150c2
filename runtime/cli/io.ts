import { fstatSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'

/** Where a command writes: results to `stdout`, diagnostics to `stderr`. */
export interface Io {
  stdout: (text: string) => void
  stderr: (text: string) => void
  /** Where bytes go that are no text; standard output itself unless given. */
  bytes?: () => NodeJS.WritableStream
  /** What comes in; standard input itself unless given. */
  input?: () => Readable
  /** Whether results may be coloured. */
  colour: boolean
  /** Columns of the terminal that results go to; none for a file or a pipe. */
  width?: number
  env: NodeJS.ProcessEnv
}

/** The terminal, or whatever stands in its place. Colour is for terminals, and not where NO_COLOR is set. */
export function processIo(): Io {
  const stdout = outlet(1, () => process.stdout)
  const stderr = outlet(2, () => process.stderr)
  const terminal = stdout.terminal()
  stderr.terminal()
  return {
    stdout: stdout.write,
    stderr: stderr.write,
    colour: terminal?.hasColors() === true && !process.env.NO_COLOR,
    ...(terminal && { width: terminal.columns }),
    env: process.env,
  }
}

/** What every pipe takes at once, whether anybody reads or not: a page. */
const atOnceBytes = 4096

/**
 * Writes the first lines to a file or pipe by itself: to make Node's stream takes as long as an answer of one line.
 * What comes after them is left to the stream, which keeps nobody waiting, a run least of all, when readers are slow.
 */
function outlet(fd: 1 | 2, open: () => NodeJS.WriteStream) {
  let stream: NodeJS.WriteStream | undefined
  let room = atOnceBytes
  const opened = () => {
    // `hdsync show | head` closes the pipe early, and Ctrl-C may take the reader or the terminal first: no reason
    // to leave a run halfway.
    stream ??= open().on('error', () => {})
    return stream
  }
  return {
    /** The stream, if it is that of a terminal. */
    terminal: () => (fstatSync(fd).isCharacterDevice() && opened().isTTY ? opened() : undefined),
    write(text: string) {
      let rest = Buffer.from(text)
      room -= rest.length
      try {
        while (!stream && room >= 0 && rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
      } catch {
        // The stream finds the same, and tells those who listen to it.
      }
      if (rest.length > 0) opened().write(rest)
    },
  }
}
