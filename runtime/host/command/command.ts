import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { execa } from 'execa'
import { RetryableError, TerminalError } from '../../errors.ts'
import { commandEnvironment, ownerMark, wayToMachine } from './environment.ts'
import { keepEnd, keepEnds, lastLines } from './output.ts'
import { packageHint } from './packages.ts'
import { ReadLimit } from './read-limit.ts'

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
  /** Works on the mounts of the machine, where hdsync itself may have been given a view of its own. */
  ofMachine?: boolean
  /** Receives standard output as it comes; it is not kept then. */
  onStdout?: (chunk: Buffer) => void
  /** Receives standard error as it comes, all of it. */
  onStderr?: (chunk: Buffer) => void
  /** Told once it runs. Its process id names its process group and its session too. */
  onStarted?: (pid: number) => void
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
  /** What is read for it is held to that; see `limits.read` of the config. */
  readonly readLimit?: ReadLimit | undefined
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
  /** Bytes a second; see `limits.read` of the config. */
  readLimit?: number | undefined
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
  const { signal, readLimit } = options
  return {
    ...(readLimit !== undefined && { readLimit: new ReadLimit(readLimit, signal) }),
    async run(command) {
      const { result } = start(command, options, false)
      // One that must not be stopped has gone on until now.
      return result.finally(() => signal.throwIfAborted())
    },
    async open(command) {
      const { child, result } = start(command, options, true)
      return { input: child.stdin as Writable, output: child.stdout, result }
    },
  }
}

/** @param isTalkedTo Its input and output are for whoever has started it. */
function start(command: Command, { observer, signal: common, owner }: RunnerOptions, isTalkedTo: boolean) {
  const { argv, timeoutMs, interruptible = true, accept = [0] } = command
  const signal = command.signal ? AbortSignal.any([common, command.signal]) : common
  // An event that has passed would never stop what is started now.
  signal.throwIfAborted()
  const [name, ...rest] = argv
  const spoken = [name, ...(command.manner ?? []), ...rest]
  const [program = name, ...words] = command.ofMachine ? [...wayToMachine(), ...spoken] : spoken
  const id = observer.started(argv)
  const startedAt = performance.now()
  const subprocess = execa(program, words, {
    env: { ...commandEnvironment(ownerMark(owner, interruptible)), ...command.env },
    extendEnv: false,
    // A session of its own: Ctrl-C in the terminal is for hdsync, which stops its commands in order.
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdin: isTalkedTo || command.input !== undefined ? 'pipe' : 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const child = subprocess.nodeChildProcess as Child
  if (child.pid !== undefined) command.onStarted?.(child.pid)
  // What a program that has ended does not read is lost; its end says why.
  child.stdin?.on('error', () => {})
  if (command.input !== undefined) child.stdin?.end(command.input)
  const stdout = keepEnd(outputLimit)
  const stderr = keepEnd(outputLimit)
  const record = keepEnds(stderrKept)
  if (!isTalkedTo) child.stdout.on('data', command.onStdout ?? stdout.add)
  child.stderr.on('data', (chunk: Buffer) => {
    stderr.add(chunk)
    record.add(chunk)
    command.onStderr?.(chunk)
  })
  const stopper = stopOn(child, { timeoutMs, signal: interruptible ? signal : undefined })

  const result = subprocess.then((end): CommandResult => {
    const durationMs = performance.now() - startedAt
    const timedOut = stopper.forget()
    const facts = { exitCode: end.exitCode, signal: end.signal, stderr: record.text(), timedOut }
    observer.ended(id, {
      durationMs,
      exitCode: end.exitCode ?? null,
      stderr: facts.stderr,
      ...(end.signal && { signal: end.signal }),
    })
    if (interruptible) signal.throwIfAborted()
    const { code } = (end.cause as NodeJS.ErrnoException | undefined) ?? {}
    if (code === 'ENOENT') {
      throw new TerminalError(`${name} is not installed`, { hint: packageHint(name) })
    }
    if (code === 'EACCES') {
      throw new TerminalError(`${name} is not executable`, { hint: `chmod +x ${name}` })
    }
    if (child.pid === undefined)
      throw new CommandError(`${name} could not be started: ${code}`, { argv, ...facts })
    if (end.exitCode === undefined || !accept.includes(end.exitCode) || timedOut) {
      throw new CommandError(describe(argv, facts, timeoutMs), { argv, ...facts })
    }
    return { exitCode: end.exitCode, stdout: stdout.text(), stderr: stderr.text(), durationMs }
  })
  // Everybody who waits gets the rejection; this keeps it from being unhandled until they do.
  result.catch(() => {})
  return { child, result }
}

type Child = ChildProcess & { stdout: Readable; stderr: Readable }

/**
 * Ends a command with all that it has started, when its time is up or the signal is aborted; and the reading of what it
 * has written, when it has ended itself and somebody it has left behind holds its output open.
 * @returns `forget` is called at its end, and tells whether its time was up.
 */
function stopOn(child: Child, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal | undefined }) {
  let timedOut = false
  let killTimer: NodeJS.Timeout | undefined
  let closeTimer: NodeJS.Timeout | undefined
  const kill = () => {
    signalGroup(child.pid, 'SIGTERM')
    killTimer ??= setTimeout(() => {
      signalGroup(child.pid, 'SIGKILL')
      closeSoon()
    }, killDelayMs)
  }
  const timer = setTimeout(() => {
    timedOut = true
    kill()
  }, timeoutMs)
  signal?.addEventListener('abort', kill, { once: true })
  const closeSoon = () => {
    clearTimeout(closeTimer)
    // Timers come before what is to be read: one turn later, all that the program has written has come.
    closeTimer = setTimeout(() => setImmediate(close), outputGraceMs)
  }
  const close = () => {
    const open = [child.stdout, child.stderr].filter(
      ({ destroyed, readableEnded }) => !destroyed && !readableEnded,
    )
    for (const stream of open) {
      // Whoever reads slowly is given the rest first; the end of what is read comes as any other end.
      if (stream.readableLength === 0) stream.once('end', () => stream.destroy()).push(null)
    }
    if (open.some(({ readableLength }) => readableLength > 0)) closeSoon()
  }
  child.once('exit', () => {
    // It was in time, whoever still holds its output open. What is being killed has children that are killed with it.
    clearTimeout(timer)
    if (!killTimer) closeSoon()
  })
  const forget = () => {
    for (const each of [timer, killTimer, closeTimer]) clearTimeout(each)
    // Its id may belong to somebody else from now on.
    signal?.removeEventListener('abort', kill)
    return timedOut
  }
  return { forget }
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
  [name]: readonly string[],
  { exitCode, signal, stderr, timedOut }: Pick<CommandError, 'exitCode' | 'signal' | 'stderr' | 'timedOut'>,
  timeoutMs: number,
): string {
  const status =
    exitCode === undefined ? `was ended by ${signal ?? 'a signal'}` : `ended with exit code ${exitCode}`
  const how = timedOut ? `took longer than ${timeoutMs / 1000} s` : status
  const said = lastLines(stderr, 2)
  return `${name} ${how}${said ? `: ${said}` : ''}`
}
