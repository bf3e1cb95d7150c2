import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { UsageError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import { dryFlag } from './effects.ts'
import { functionName } from './load-files.ts'
import type { Emitted, FromGuest, Loaded, LoadFailure, Query, ToGuest, Work } from './messages.ts'
import { answerQueries } from './queries.ts'
import { CutOffError, makeThrown, tellThrown } from './thrown.ts'

export interface GuestOptions {
  /** The file that the process runs: it calls `serveGuests()`. */
  entry: string
  /** Whether functions are kept from what they could do without `host`; see effects.ts. */
  isDry?: boolean
  /** The most memory that it may have, resident. */
  memoryBytes: number
  /** How long the process may take to start, and each file to load. */
  loadMs?: number
  /** How long a call may take to end once it has been told to. */
  graceMs?: number
  /** Told of what nobody caught after its call had ended, and of what the guest could not be asked for. */
  warn(message: string): void
}

/** What a call may ask of the parent. */
export interface CallHost {
  /** Does what the function asks of its context. */
  ask(path: readonly string[], args: readonly unknown[]): unknown
  query(query: Query): unknown
  log(level: 'info' | 'warn', message: string): void
  progress(progress: Progress): void
}

/** What is told of one call. */
type FromCall = Exclude<FromGuest, { kind: 'loading' | 'loaded' | 'stray' }>

interface Call {
  name: string
  host: CallHost
  answer: PromiseWithResolvers<CallResult>
  heard: boolean
}

export interface CallResult {
  emitted: readonly Emitted[]
  key: string | undefined
}

/** A busy machine takes long, and who is too slow is left out of a night. */
const usualLoadMs = 60_000
const usualGraceMs = 3000
/** How often the memory of a guest at work is looked at. */
const lookMs = 250
/** What was thrown after the end of a call is looked up for so many calls. */
const namesKept = 1000

/** Those of this hdsync, which end with it. */
const alive = new Set<ChildProcess>()
const killAll = () => {
  for (const child of alive) child.kill('SIGKILL')
}

/** One process with functions of the user's in it, seen from outside. */
export class GuestProcess {
  readonly #child: ChildProcess
  readonly #options: GuestOptions
  readonly #calls = new Map<number, Call>()
  /** Which call was whose. */
  readonly #names = new Map<number, { name: string; host: CallHost }>()
  #number = 0
  #retired = false
  #ended: Error | undefined
  #watch: NodeJS.Timeout | undefined
  #onLoading: ((file: string) => void) | undefined
  #onLoaded: PromiseWithResolvers<Loaded> | undefined

  constructor(options: GuestOptions) {
    this.#options = options
    this.#child = fork(options.entry, options.isDry ? [dryFlag] : [], {
      serialization: 'advanced',
      // A session of its own: Ctrl-C in the terminal is for hdsync, which ends what is going on in order.
      detached: true,
      execArgv: ['MODULE_TYPELESS_PACKAGE_JSON', 'ExperimentalWarning'].map(
        (one) => `--disable-warning=${one}`,
      ),
      // What it prints is for the log; standard output is hdsync's own.
      stdio: ['ignore', 2, 2, 'ipc', 'pipe'],
    })
    const socket = this.#child.stdio[4] as unknown as Readable & Writable & { unref(): void }
    answerQueries(socket, (query) => this.#calls.get(query.call)?.host.query(query))
    socket.unref()
    if (alive.size === 0) process.on('exit', killAll)
    alive.add(this.#child)
    this.#child.on('message', (message) => this.#hear(message as FromGuest))
    this.#child.on('error', (error) => this.#end(error.message))
    this.#child.on('exit', (code, signal) => {
      alive.delete(this.#child)
      if (alive.size === 0) process.off('exit', killAll)
      this.#end(signal ? `was ended by ${signal}` : `ended with exit code ${code}`)
    })
    this.#rest()
  }

  /** Takes no further calls, and ends once it has none. */
  get isRetired(): boolean {
    return this.#retired || this.#ended !== undefined
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined
  }

  retire(): void {
    this.#retired = true
    if (this.#calls.size === 0) this.kill()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
    this.#end('was ended')
  }

  /**
   * Loads files. Where one ends the process, or does not end itself, that is what `failed` names.
   * @throws {LoadError} The process is gone.
   */
  async load(files: readonly string[]): Promise<Loaded> {
    const loaded = Promise.withResolvers<Loaded>()
    this.#onLoaded = loaded
    let file: string | undefined
    let timer: NodeJS.Timeout | undefined
    const { loadMs = usualLoadMs } = this.#options
    const wait = () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        this.#child.kill('SIGKILL')
        this.#end(`took longer than ${loadMs / 1000} s to load`)
      }, loadMs)
    }
    this.#onLoading = (next) => {
      file = next
      wait()
    }
    this.#work()
    wait()
    try {
      this.#send({ kind: 'load', files })
      return await loaded.promise
    } catch (error) {
      const failure = file && { name: functionName(file), file, message: (error as Error).message }
      throw new LoadError((error as Error).message, failure || undefined)
    } finally {
      clearTimeout(timer)
      this.#onLoaded = undefined
      this.#rest()
    }
  }

  /**
   * Does one call. When the signal is aborted the call has a few seconds to end; a process that does not even hear of it
   * is killed.
   * @throws What the function throws. @throws {CutOffError} Another one may have ended the process.
   */
  async call(work: Work, host: CallHost, signal?: AbortSignal): Promise<CallResult> {
    const number = ++this.#number
    const call: Call = { name: work.function, host, answer: Promise.withResolvers(), heard: false }
    if (this.#ended) throw new CutOffError(`the process of the functions ${this.#ended.message}`)
    this.#calls.set(number, call)
    this.#remember(number, call)
    this.#work()
    let timer: NodeJS.Timeout | undefined
    const abort = () => {
      this.#send({ kind: 'abort', call: number, reason: tellThrown(signal?.reason) })
      timer = setTimeout(() => this.#giveUpOn(call, signal?.reason), this.#options.graceMs ?? usualGraceMs)
    }
    try {
      this.#send({ kind: 'call', call: number, work })
      if (signal?.aborted) abort()
      else signal?.addEventListener('abort', abort, { once: true })
      return await call.answer.promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      this.#calls.delete(number)
      if (this.#calls.size === 0) this.#rest()
      if (this.#retired) this.retire()
    }
  }

  /** One that hears, but does not end, is left behind with its process; one that hears nothing holds all others up. */
  #giveUpOn(call: Call, reason: unknown): void {
    if (call.heard) {
      call.answer.reject(reason)
      this.#retired = true
    } else if (this.#calls.size === 1) {
      call.answer.reject(reason)
      this.kill()
    } else {
      this.#child.kill('SIGKILL')
      this.#end(`did not answer any more (in hand: ${this.#inHand()})`)
    }
  }

  #hear(message: FromGuest): void {
    if (message.kind === 'loading') this.#onLoading?.(message.file)
    else if (message.kind === 'loaded') this.#onLoaded?.resolve(message.loaded)
    else if (message.kind === 'stray') this.#stray(message.call, makeThrown(message.error))
    else {
      const call = this.#calls.get(message.call)
      // What comes with the same read comes after its end.
      if (message.kind === 'ended') this.#calls.delete(message.call)
      if (call) this.#hearOf(call, message)
    }
  }

  #hearOf(call: Call, message: FromCall): void {
    const { host, answer } = call
    if (message.kind === 'aborting') call.heard = true
    else if (message.kind === 'log') host.log(message.level, message.message)
    else if (message.kind === 'progress') host.progress(message.progress)
    else if (message.kind === 'ask') void this.#answer(message.id, host, message.path, message.args)
    else if (message.error) answer.reject(makeThrown(message.error))
    else answer.resolve({ emitted: message.emitted ?? [], key: message.key })
  }

  async #answer(
    id: number,
    host: CallHost,
    path: readonly string[],
    args: readonly unknown[],
  ): Promise<void> {
    try {
      this.#send({ kind: 'answer', id, value: await host.ask(path, args) })
    } catch (error) {
      this.#send({ kind: 'answer', id, error: tellThrown(error) })
    }
  }

  /** The process may not be what it was: others in it may end, but nothing more begins there. */
  #stray(number: number | undefined, error: Error): void {
    if (this.#onLoaded) this.#end(error.message)
    this.#retired = true
    const call = number === undefined ? undefined : this.#calls.get(number)
    if (call) call.answer.reject(new Error(`${call.name}: ${error.message} (nobody caught it)`))
    else this.#tellLate(number === undefined ? undefined : this.#names.get(number), error)
    this.retire()
  }

  #tellLate(known: { name: string; host: CallHost } | undefined, { message }: Error): void {
    const line = `after its end: ${message} (nobody caught it)`
    known?.host.log('warn', line)
    this.#options.warn(`${known?.name ?? 'a function'}, ${line}`)
  }

  #remember(number: number, { name, host }: Call): void {
    this.#names.set(number, { name, host })
    this.#names.delete(number - namesKept)
  }

  /** The process is gone, or about to be. */
  #end(how: string): void {
    if (this.#ended) return
    this.#ended = new Error(how)
    clearInterval(this.#watch)
    this.#onLoaded?.reject(new Error(how))
    const alone = this.#calls.size === 1
    for (const { name, answer } of this.#calls.values()) {
      if (alone) answer.reject(new Error(`${name}: its process ${how}`))
      else answer.reject(new CutOffError(`${name} was cut off: the process of the functions ${how}`))
    }
  }

  /** hdsync does not end while a call is in hand, nor stay for a process that has none. */
  #work(): void {
    this.#child.ref()
    this.#child.channel?.ref()
    this.#watch ??= setInterval(() => this.#look(), lookMs)
  }

  #rest(): void {
    if (this.#onLoaded || this.#calls.size > 0) return
    this.#child.unref()
    this.#child.channel?.unref()
    clearInterval(this.#watch)
    this.#watch = undefined
  }

  /** The limits of Node's heap do not count what lies beside it. */
  #look(): void {
    const { memoryBytes } = this.#options
    const bytes = residentBytes(this.#child.pid)
    if (bytes <= memoryBytes) return
    this.#child.kill('SIGKILL')
    const inHand = this.#calls.size > 1 ? ` (in hand: ${this.#inHand()})` : ''
    this.#end(`took more than ${Math.round(memoryBytes / 1024 / 1024)} MiB of memory${inHand}`)
  }

  #inHand(): string {
    return [...new Set([...this.#calls.values()].map(({ name }) => name))].join(', ')
  }

  #send(message: ToGuest): void {
    // One that is gone has told so, or will.
    if (this.#child.connected)
      this.#child.send(message, (error) => error && this.#options.warn(error.message))
  }
}

/** The process ended while it loaded its files. */
export class LoadError extends UsageError {
  /** The file that it was loading. */
  readonly failure: LoadFailure | undefined

  constructor(message: string, failure: LoadFailure | undefined) {
    super(message)
    this.failure = failure
  }
}

/** @see proc_pid_status(5), VmRSS */
function residentBytes(pid: number | undefined): number {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Number(kib ?? 0) * 1024
  } catch {
    return 0
  }
}
