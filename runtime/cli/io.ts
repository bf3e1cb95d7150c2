/** Where a command writes: results to `stdout`, diagnostics to `stderr`. */
export interface Io {
  stdout: (text: string) => void
  stderr: (text: string) => void
  /** Whether results may be coloured. */
  colour: boolean
  /** Columns of the terminal that results go to; none for a file or a pipe. */
  width?: number
  env: NodeJS.ProcessEnv
}

/** The terminal, or whatever stands in its place. Colour is for terminals, and not where NO_COLOR is set. */
export function processIo(): Io {
  // `hdsync show | head` closes the pipe early, and Ctrl-C may take the reader or the terminal first: no reason
  // to leave a run halfway.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
    ...(process.stdout.isTTY && { width: process.stdout.columns }),
    env: process.env,
  }
}
