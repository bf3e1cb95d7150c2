import type { Readable, Writable } from 'node:stream'
import { RetryableError, TerminalError } from '../../errors.ts'
import { commandEnvironment, ownerMark, wayToMachine } from './environment.ts'
import { keepEnd, keepEnds, lastLines } from './output.ts'
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
  /**
   * Words after the name of the program that change nothing of what it does, only how it speaks. They are not on record:
   * whoever repeats the command by hand needs none of them.
   */
  manner?: readonly string[]
  /** Is about the mounts of the machine, where hdsync itself may have been given a view of its own. */
  ofMachine?: boolean
  /** Receives standard output as it comes; it is not kept then. */
  onStdout?: (chunk: Buffer) => void
  /** Receives standard error as it comes, all of it. */
  onStderr?: (chunk: Buffer) => void
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
  /** Starts a command that is talked to while it runs. @throws The signal was aborted before. */
  open(command: Command): Promise<OpenCommand>
}

/** A command that is talked to. `result` is as that of `run`, but for its standard output. */
export interface OpenCommand {
  input: Writable
  output: Readable
  result: Promise<CommandResult>
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
/** Bytes of standard error that are put on record: its first lines and its last. */
const stderrKept = 4096
/** From the polite signal to SIGKILL: rsync needs a moment to remove its temporary file. */
const killDelayMs = 5000
/** A child that a program has left behind may hold its output open for days: after that nothing more is read. */
const outputGraceMs = 1000

export function createRunner(options: RunnerOptions): CommandRunner {
  const { signal } = options
  return {
    async run(command) {
      const execa = await loadExeca(signal, command.signal)
      const { result } = start(command, { ...options, execa, isTalkedTo: false })
      // One that must not be stopped has gone on until now.
      return result.finally(() => signal.throwIfAborted())
    },
    async open(command) {
      const execa = await loadExeca(signal, command.signal)
      const { child, result } = start(command, { ...options, execa, isTalkedTo: true })
      return { input: child.stdin as Writable, output: child.stdout as Readable, result }
    },
  }
}

/**
 * By itself, and when the first command starts: to load it takes as long as to begin a run.
 * @throws The reason of a signal that is aborted: an event that has passed would never stop what is started now.
 */
async function loadExeca(...signals: (AbortSignal | undefined)[]): Promise<Execa> {
  for (const signal of signals) signal?.throwIfAborted()
  const { execa } = await import('execa')
  for (const signal of signals) signal?.throwIfAborted()
  return execa
}

type Execa = typeof import('execa').execa

interface StartOptions extends RunnerOptions {
  execa: Execa
  /** Its input and output are for whoever has started it. */
  isTalkedTo: boolean
}

function start(command: Command, { observer, signal: common, owner, execa, isTalkedTo }: StartOptions) {
  const { argv, timeoutMs, interruptible = true, accept = [0] } = command
  const signal = command.signal ? AbortSignal.any([common, command.signal]) : common
  const id = observer.started(argv)
  const startedAt = performance.now()
  const [name, ...rest] = argv
  const spoken = [name, ...(command.manner ?? []), ...rest]
  const [program, ...words] = command.ofMachine ? [...wayToMachine(), ...spoken] : spoken
  const child = execa(program as string, words, {
    env: { ...commandEnvironment(ownerMark(owner, interruptible)), ...command.env },
    extendEnv: false,
    reject: false,
    buffer: false,
    // A session of its own: Ctrl-C in the terminal is for hdsync, which stops its commands in order.
    detached: true,
    cleanup: false,
    stdin: isTalkedTo || command.input !== undefined ? 'pipe' : 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  if (command.input !== undefined) child.stdin?.on('error', () => {}).end(command.input)

  let timedOut = false
  let killTimer: NodeJS.Timeout | undefined
  let ended = false
  const kill = () => {
    // Its id may belong to somebody else by now.
    if (ended) return
    signalGroup(child.pid, 'SIGTERM')
    killTimer ??= setTimeout(() => {
      signalGroup(child.pid, 'SIGKILL')
      output.closeSoon()
    }, killDelayMs)
  }
  const timer = setTimeout(() => {
    timedOut = true
    kill()
  }, timeoutMs)
  if (interruptible) signal.addEventListener('abort', kill, { once: true })

  const stdout = keepEnd(outputLimit)
  const stderr = keepEnd(outputLimit)
  if (!isTalkedTo) child.stdout?.on('data', command.onStdout ?? stdout.add)
  const record = keepEnds(stderrKept)
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr.add(chunk)
    record.add(chunk)
    command.onStderr?.(chunk)
  })
  const output = closable(child.stdout, child.stderr)
  child.nodeChildProcess.once('exit', () => {
    // It was in time, whoever still holds its output open. What is being killed has children that are killed with it.
    clearTimeout(timer)
    if (!killTimer) output.closeSoon()
  })

  const result = child.then((end): CommandResult => {
    ended = true
    clearTimeout(timer)
    clearTimeout(killTimer)
    output.forget()
    signal.removeEventListener('abort', kill)
    const durationMs = performance.now() - startedAt
    const exitCode = end.exitCode ?? null
    const facts = { signal: end.signal, stderr: record.text() }
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
  return { child, result }
}

/** Ends the reading of streams that nobody else ends. */
function closable(...streams: (Readable | null)[]) {
  let timer: NodeJS.Timeout | undefined
  const closeSoon = () => {
    clearTimeout(timer)
    // Timers come before what is to be read: one turn later, all that the program has written has come.
    timer = setTimeout(() => setImmediate(() => close()), outputGraceMs)
  }
  const close = () => {
    const open = streams.filter((stream) => stream && !stream.destroyed && !stream.readableEnded)
    for (const stream of open) {
      // Whoever reads slowly is given the rest first; the end of what is read comes as any other end.
      if (stream?.readableLength === 0) stream.once('end', () => stream.destroy()).push(null)
    }
    if (open.some((stream) => stream?.readableLength)) closeSoon()
  }
  return { closeSoon, forget: () => clearTimeout(timer) }
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
