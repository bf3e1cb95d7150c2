import { createWriteStream } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { RetryableError, TerminalError } from '../errors.ts'
import { commandEnvironment, ownerMark, wayToMachine } from './environment.ts'
import { keepEnd, lastLines } from './output.ts'
import { packageHint } from './packages.ts'

/** A command: always an argument vector, never a line for a shell. */
export interface Command {
  argv: readonly [string, ...string[]]
  /** How long it may take. */
  timeoutMs: number
  /**
   * `false` for short commands that must not be stopped halfway (LVM, mount): a cancelled run waits for them,
   * as a killed lvcreate may leave the live volume suspended. True unless given.
   */
  interruptible?: boolean
  /** Stops it too, beside the signal that stops everything of this handler. */
  signal?: AbortSignal
  /** Exit codes that are no error; 0 alone unless given. */
  accept?: readonly number[]
  /** Written to its standard input, which is empty otherwise. */
  input?: string
  env?: Readonly<Record<string, string>>
  /** Is about the mounts of the machine, where hdsync itself may have been given a view of its own. */
  ofMachine?: boolean
  /** Receives standard output as it comes; it is not kept then. */
  onStdout?: (chunk: Buffer) => void
}

export interface CommandResult {
  exitCode: number
  /** The end of the output, at most `outputLimit` bytes; empty with `onStdout`. */
  stdout: string
  stderr: string
  durationMs: number
}

/** Runs commands on the box, and tells the journal about each. */
export interface CommandRunner {
  /**
   * @throws {CommandError} It ended with an exit code that is not accepted, by a signal, or took too long.
   * @throws {TerminalError} The program is not installed.
   */
  run(command: Command): Promise<CommandResult>
  /** Runs commands joined by pipes; every one has to end well. `file` takes the output of the last. */
  pipe(
    commands: readonly [Command, Command, ...Command[]] | readonly [Command],
    sink?: Sink,
  ): Promise<CommandResult[]>
  /** Starts a command that is talked to while it runs. @throws The signal was aborted before. */
  open(command: Command): Promise<OpenCommand>
}

/** A command that is talked to. `result` is as that of `run`, but for its standard output. */
export interface OpenCommand {
  input: Writable
  output: Readable
  result: Promise<CommandResult>
}

/** Where a pipeline's bytes go, and who looks at them on the way. */
export interface Sink {
  /** The last command's output is written to this new file. */
  file?: { path: string; flags: 'wx'; mode: number }
  /** The first command's output. */
  onFirst?: (chunk: Buffer) => void
  /** The last command's output. */
  onLast?: (chunk: Buffer) => void
}

/** A command did not do what it was asked for. Facts are fields. */
export class CommandError extends RetryableError {
  readonly argv: readonly string[]
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly stderr: string
  readonly timedOut: boolean

  constructor(
    message: string,
    facts: Pick<CommandError, 'argv' | 'exitCode' | 'signal' | 'stderr' | 'timedOut'>,
  ) {
    super(message)
    this.argv = facts.argv
    this.exitCode = facts.exitCode
    this.signal = facts.signal
    this.stderr = facts.stderr
    this.timedOut = facts.timedOut
  }
}

/** Told of every command; the journal. */
export interface CommandObserver {
  started(argv: readonly string[]): number
  ended(
    id: number,
    end: { durationMs: number; exitCode: number | null; signal?: string; stderr: string },
  ): void
}

/** For commands that belong to no run: nothing is written down of them. */
export const unobserved: CommandObserver = { started: () => 0, ended: () => {} }

export interface RunnerOptions {
  observer: CommandObserver
  signal: AbortSignal
  /** Put into the environment of every command, so that one that outlives hdsync can be found. */
  owner: string
}

/** Bytes kept of each output stream. LVM reports of a thousand volumes stay well below. */
const outputLimit = 4 * 1024 * 1024
const stderrKept = 4096
/** From the polite signal to SIGKILL: rsync needs a moment to remove its temporary file. */
const killDelayMs = 5000

export function createRunner(options: RunnerOptions): CommandRunner {
  return {
    async run(command) {
      const [result] = await runPipeline([command], {}, options)
      return result as CommandResult
    },
    pipe: (commands, sink = {}) => runPipeline(commands, sink, options),
    open(command) {
      options.signal.throwIfAborted()
      return openCommand(command, options)
    },
  }
}

/** By itself, and when the first command starts: to load it takes as long as to begin a run. */
async function loadExeca(signal: AbortSignal): Promise<Execa> {
  const { execa } = await import('execa')
  signal.throwIfAborted()
  return execa
}

type Execa = typeof import('execa').execa

async function openCommand(command: Command, options: RunnerOptions): Promise<OpenCommand> {
  const execa = await loadExeca(options.signal)
  const { child, result } = start(command, false, false, options, execa)
  return { input: child.stdin as Writable, output: child.stdout as Readable, result }
}

async function runPipeline(
  commands: readonly Command[],
  sink: Sink,
  options: RunnerOptions,
): Promise<CommandResult[]> {
  options.signal.throwIfAborted()
  const execa = await loadExeca(options.signal)
  const keepsOutput = commands.length === 1 && !sink.file && !sink.onFirst && !sink.onLast
  const running = commands.map((command, index) => start(command, index === 0, keepsOutput, options, execa))
  let broken: Error | undefined
  for (const [index, { child }] of running.entries()) {
    const next = running[index + 1]
    if (!next) break
    // A command that ends early breaks the pipe; where its exit code does not tell why, this does.
    child.stdout?.pipe(next.child.stdin as NodeJS.WritableStream).on('error', (error: Error) => {
      broken ??= new TerminalError(`${commands[index + 1]?.argv[0]} stopped reading`, { cause: error })
      for (const { kill } of running.slice(0, index + 1)) kill()
    })
  }
  const stopAll = () => {
    for (const { kill } of running) kill()
  }
  // Without one of them the others would wait for ever; the first that failed by itself is the cause.
  const failures: { error: Error; stopped: boolean }[] = []
  for (const { result, wasStopped } of running) {
    result.catch((error: Error) => {
      failures.push({ error, stopped: wasStopped() })
      // One that was stopped as its reader went away leaves it to the reader to say why.
      if (!wasStopped()) stopAll()
    })
  }
  if (sink.onFirst) running[0]?.child.stdout?.on('data', sink.onFirst)
  if (sink.onLast) running.at(-1)?.child.stdout?.on('data', sink.onLast)
  let written: Promise<void> | undefined
  if (sink.file) {
    const { path, flags, mode } = sink.file
    const file = createWriteStream(path, { flags, mode, flush: true })
    running.at(-1)?.child.stdout?.pipe(file)
    written = finished(file).catch((error: Error) => {
      const message = `cannot write ${path}: ${error.message}`
      failures.push({ error: new TerminalError(message, { cause: error }), stopped: false })
      stopAll()
    })
  }
  const settled = await Promise.allSettled(running.map(({ result }) => result))
  await written
  options.signal.throwIfAborted()
  const cause = failures.find(({ stopped }) => !stopped)?.error ?? broken ?? failures[0]?.error
  if (cause) throw cause
  return settled.map((one) => (one as PromiseFulfilledResult<CommandResult>).value)
}

function start(
  command: Command,
  isFirst: boolean,
  keepsOutput: boolean,
  { observer, signal: common, owner }: RunnerOptions,
  execa: Execa,
) {
  const { argv, timeoutMs, interruptible = true, accept = [0] } = command
  const signal = command.signal ? AbortSignal.any([common, command.signal]) : common
  const id = observer.started(argv)
  const startedAt = performance.now()
  const [program, ...words] = command.ofMachine ? [...wayToMachine(), ...argv] : argv
  const child = execa(program as string, words, {
    env: { ...commandEnvironment(ownerMark(owner, interruptible)), ...command.env },
    extendEnv: false,
    reject: false,
    buffer: false,
    // A session of its own: Ctrl-C in the terminal is for hdsync, which stops its commands in order.
    detached: true,
    cleanup: false,
    stdin: command.input === undefined ? (isFirst ? 'ignore' : 'pipe') : 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  if (command.input !== undefined) child.stdin?.on('error', () => {}).end(command.input)

  let timedOut = false
  let killTimer: NodeJS.Timeout | undefined
  let ended = false
  let stopped = false
  const kill = () => {
    // Its id may belong to somebody else by now.
    if (ended) return
    stopped = true
    signalGroup(child.pid, 'SIGTERM')
    killTimer ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), killDelayMs)
  }
  const timer = setTimeout(() => {
    timedOut = true
    kill()
  }, timeoutMs)
  if (interruptible) signal.addEventListener('abort', kill, { once: true })

  const stdout = keepEnd(outputLimit)
  const stderr = keepEnd(outputLimit)
  if (command.onStdout) child.stdout?.on('data', command.onStdout)
  else if (keepsOutput) child.stdout?.on('data', stdout.add)
  child.stderr?.on('data', stderr.add)

  const result = child.then((end): CommandResult => {
    ended = true
    clearTimeout(timer)
    clearTimeout(killTimer)
    signal.removeEventListener('abort', kill)
    const durationMs = performance.now() - startedAt
    const exitCode = end.exitCode ?? null
    const facts = { signal: end.signal, stderr: stderr.text().slice(-stderrKept) }
    observer.ended(id, {
      durationMs,
      exitCode,
      stderr: facts.stderr,
      ...(end.signal && { signal: end.signal }),
    })
    if (interruptible) signal.throwIfAborted()
    const { code } = (end.cause as NodeJS.ErrnoException | undefined) ?? {}
    if (code === 'ENOENT') {
      throw new TerminalError(`${argv[0]} is not installed`, { hint: packageHint(argv[0]) })
    }
    if (code === 'EACCES') {
      throw new TerminalError(`${argv[0]} is not executable`, { hint: `chmod +x ${argv[0]}` })
    }
    if (exitCode === null || !accept.includes(exitCode) || timedOut) {
      throw new CommandError(describe(argv, exitCode, end.signal, facts.stderr, timedOut, timeoutMs), {
        argv,
        exitCode: exitCode ?? undefined,
        timedOut,
        ...facts,
      })
    }
    return { exitCode, stdout: stdout.text(), stderr: stderr.text(), durationMs }
  })
  // Everybody who waits gets the rejection; this keeps it from being unhandled until they do.
  result.catch(() => {})
  return { child, result, kill, wasStopped: () => stopped }
}

/** The group, so that the children of rsync and of hooks end with them. */
function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // It has ended in the meantime.
  }
}

function describe(
  argv: readonly string[],
  exitCode: number | null,
  signal: string | undefined,
  stderr: string,
  timedOut: boolean,
  timeoutMs: number,
): string {
  const how = timedOut
    ? `took longer than ${timeoutMs / 1000} s`
    : exitCode === null
      ? `was ended by ${signal ?? 'a signal'}`
      : `ended with exit code ${exitCode}`
  const said = lastLines(stderr, 2)
  return `${argv[0]} ${how}${said ? `: ${said}` : ''}`
}
