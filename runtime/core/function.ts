/// <reference types="node" preserve="true" />
// In the types of a build too: without Node's, `AbortSignal` would be `any` to whoever has not installed them.
import type { anyFact } from '../../events/any-fact.ts'
import type { DataOf, EventDefinition, InputOf } from '../../events/define.ts'
import type { Envelope } from '../../events/envelope.ts'
import { scheduleDue } from '../../events/schedule.ts'
import type { Progress } from '../progress.ts'
import type { Clock } from './clock.ts'
import type { Once } from './once.ts'
import type { RetryPolicy } from './retry.ts'

/**
 * One event, as a handler receives it. Of several events it is one of a union, which `type` tells apart:
 * `if (received.type === 'run.failed') received.data.error`.
 */
export type Received<E extends EventDefinition> = E extends EventDefinition ? ReceivedOne<E> : never

interface ReceivedOne<E extends EventDefinition> {
  /** The type of the event; any, for a handler of `anyFact`. */
  readonly type: E extends typeof anyFact ? string : E['type']
  /** The payload, checked against the event's schema. */
  readonly data: DataOf<E>
  /** The attempt that the event belongs to, from 1; whoever emits it sets it. */
  readonly attempt: number
  readonly event: Envelope
}

/** One event, as `run` is handed it. */
export type Delivered<E extends EventDefinition> = Received<E> & {
  /** Whether it is handled for the first time: no earlier attempt at this delivery has done a part of it. */
  readonly firstTry: boolean
}

export interface EmitOptions {
  /** The attempt that the new event belongs to; 1 unless given. */
  attempt?: number
  /** How long the event waits before it is handled. */
  delayMs?: number
}

/**
 * Puts an event on the bus once the handler has returned. Nothing is emitted when it throws.
 * @throws {TerminalError} The event is not declared in `emits`, or its data does not fit its schema.
 */
export type Emit<Emits extends readonly EventDefinition[]> = <E extends Emits[number]>(
  event: E,
  data: InputOf<E>,
  options?: EmitOptions,
) => void

export interface StartOptions {
  /** How long it waits before it begins: `30s`, `10m`, `2h`. */
  delay?: string
  /** What makes two starts of one event the same, such as a source; its data unless given. */
  key?: string
  /**
   * Starts nothing while the same waits; as a duration (`1h`), nor so soon after the same was started. `true` where a
   * `key` is given, unless this says otherwise.
   */
  dedupe?: boolean | string
}

/**
 * Begins another run once the handler has returned, and none when it throws. A backup waits until no other one is going
 * on, as if somebody outside had asked for it.
 * @throws {TerminalError} The event may not be asked for, its data does not fit, or a duration is none.
 */
export type Start = <E extends EventDefinition>(event: E, data: InputOf<E>, options?: StartOptions) => void

/** What the log of events knows. */
export interface EventLog {
  /** The events of this kind in the current run, oldest first. @param limit How many at most; all unless given. */
  ofRun<E extends EventDefinition>(event: E, limit?: number): Received<E>[]
  /** The latest events of this kind about one source, of any run, newest first. */
  latest<E extends EventDefinition>(event: E, subject: string, limit: number): Received<E>[]
  /** The latest event that is of one of these kinds, about one source or whatever else it may be about. */
  newest(events: readonly EventDefinition[], subject?: string): Envelope | undefined
  /** The latest events of these kinds about one source, or whatever else they may be about, of any run, newest first. */
  recent(events: readonly EventDefinition[], subject: string | undefined, limit: number): Envelope[]
  /** How many deliveries of the current run's chain are still owed, apart from the one in hand. */
  pending(): number
  /** Every event of the current run, oldest first. */
  run(): Envelope[]
}

/** What a function says; it stands in the story of its run. */
export interface Log {
  info(message: string): void
  warn(message: string): void
}

/** The run that a delivery belongs to. */
export interface RunInfo {
  id: string
  /** Milliseconds since the epoch. */
  startedAt: number
}

/**
 * What a handler may do besides emitting.
 * @typeParam Host The box that it works on.
 * @typeParam Config The configuration that it follows.
 */
export interface Context<Host, Config> {
  host: Host
  config: Config
  run: RunInfo
  events: EventLog
  log: Log
  /** Aborted when the run is cancelled or the function's time is up. */
  signal: AbortSignal
  clock: Clock
  /** For the chain itself: the functions that a snapshot waits for. */
  gates: Gates
  /** For the chain itself: why functions of the user's do not take part, a sentence each. */
  leftOut: readonly string[]
  /**
   * Does something once for this delivery, such as to send a message: the next attempt is given what it has returned.
   * @see {@link Once} for what it does not promise.
   */
  once: Once
  /** Shows how far long work has come; nothing of it is kept. */
  progress(progress: Progress): void
}

/** What a function has that handles an event before a gate (`snapshot.before`), and no other. */
export interface AtGate {
  /**
   * Says that everything is ready, and waits: what the function holds (a lock, a session) is held while the snapshot
   * is taken. A function that returns without calling it is ready when it returns.
   * @returns Whether the snapshot was taken. Release what is held now, either way.
   */
  snapshotTaken(): Promise<boolean>
}

type ContextFor<On extends EventDefinition, Host, Config> = On['gate'] extends 'before'
  ? Context<Host, Config> & AtGate
  : Context<Host, Config>

/** How long a source waits for functions, and what happens when one is not ready by then, or fails. */
export interface GateOptions {
  timeoutMs: number
  onTimeout: 'give-up' | 'take-anyway' | 'copy-anyway'
}

/** What the chain needs to know of the functions at its gates: `snapshot.before`, `snapshot.after` and so on. */
export interface Gates {
  /**
   * Whether a function handles one of these events.
   * @param options.standIns Whether those count that only stand for a file that does not load; they do unless given.
   */
  exist(events: readonly EventDefinition[], options?: { standIns?: boolean }): boolean
  /** Waits for what came after the gate in earlier attempts: it must not undo what this one prepares. */
  settled(source: string): Promise<void>
  open(before: Envelope, options: GateOptions): OpenGate
  /** The functions that judge what an event of this kind tells of. */
  judges(type: string): readonly string[]
  /** Waits until the functions that judge have handled an event of the run. */
  verdict(event: Envelope): Promise<Verdict>
}

/** What the functions have said that judge. */
export interface Verdict {
  /** Those that have handled the event. */
  by: readonly string[]
  /** Which of them failed, and why; undefined where none did. */
  problem: string | undefined
}

export interface OpenGate {
  /** Waits until all functions are ready, or the time is up. @returns Why one of them is not. */
  ready(): Promise<string | undefined>
  /** Tells the functions how it went, and waits for their end. @returns Which of them ended badly, and why. */
  close(taken: boolean): Promise<string | undefined>
}

/** For `giveUp`, which only reports and lets the chain end. */
export type GiveUpContext<Config> = Pick<Context<unknown, Config>, 'config' | 'run' | 'events'>

/** A handler, and all that the core has to know of it. */
export interface FunctionSpec<
  On extends EventDefinition,
  Emits extends readonly EventDefinition[],
  Host,
  Config,
> {
  /**
   * The event to handle, or several; `anyFact` for every external one. A function with a `schedule` may do without, and
   * handles `scheduleDue`.
   */
  on?: On | readonly On[]
  /**
   * When it has its turn: `every 15m`, `03:00`, `Sun 03:00`, `Mon..Fri 03:00` or the five fields of cron(8), in local
   * time. Never two turns at once, and one for all that nobody was there for.
   */
  schedule?: string
  /** Every event that `run` or `giveUp` may emit. */
  emits: Emits
  /**
   * How long `run` may take (`30s`, `2m`, `24h`); one minute unless given, and as long as the source waits for it
   * when it handles `snapshot.before` or `source.before`.
   */
  timeout?: string
  /**
   * Of deliveries with an equal key so many are handled at once (`limit`; 1 unless given), and begun in the order of their
   * events. One that comes while so many are open waits, unless `onBusy` says otherwise: `skip` ends it without calling
   * `run`; with `replace` it waits, and ends those that have waited. What runs is never interrupted.
   */
  concurrency?: {
    key: (data: DataOf<On>, run: { id: string }) => string
    limit?: number
    onBusy?: 'wait' | 'skip' | 'replace'
  }
  /**
   * Waits until no further event has come for so long (`30s`), of the same key where there is one, and handles the last one
   * alone. At the latest after `longest`, which is ten times as long unless given.
   */
  debounce?: string | { wait: string; longest?: string }
  /** What to do when `run` throws anything but a TerminalError; three attempts unless given. */
  retry?: Partial<RetryPolicy>
  /**
   * Runs even when the run was cancelled or interrupted: it cleans up, and is safe to repeat. Every other step of such a
   * run is given up.
   */
  always?: boolean
  /** Not part of the run (a notification): the run neither waits for it nor fails with it. */
  aside?: boolean
  run(
    received: Delivered<On>,
    context: ContextFor<On, Host, Config> & { emit: Emit<Emits>; start: Start },
  ): Promise<void> | void
  /** Called instead of `run` when there will be no further attempt. What it emits lets the chain go on. */
  giveUp?(
    received: Received<On> & { error: Error },
    context: GiveUpContext<Config> & { emit: Emit<Emits> },
  ): void
}

/** A function without its types, as the registry keeps it. */
export interface FunctionDefinition {
  readonly kind: 'hdsync.function'
  readonly on: readonly EventDefinition[]
  readonly emits: readonly EventDefinition[]
  readonly spec: FunctionSpec<EventDefinition, readonly EventDefinition[], unknown, unknown>
}

/** Node writes a stack out when it is first read: of most functions nobody ever asks for it. */
const declarations = new WeakMap<object, Error>()

/** @returns The stack of the call that declared a function, for who has to say where it is wrong. */
export function declaredAt(definition: unknown): string | undefined {
  return typeof definition === 'object' && definition !== null
    ? declarations.get(definition)?.stack
    : undefined
}

/** Declares a handler. Handlers of an event that is `always` are so too. */
export function defineFunction<
  On extends EventDefinition = typeof scheduleDue,
  const Emits extends readonly EventDefinition[] = readonly EventDefinition[],
  Host = unknown,
  Config = unknown,
>(spec: FunctionSpec<On, Emits, Host, Config>): FunctionDefinition {
  const named = [spec.on ?? []].flat() as readonly EventDefinition[]
  const on = spec.schedule === undefined ? named : [...named, scheduleDue]
  const always = spec.always || on.some((event) => event.always)
  const definition: FunctionDefinition = {
    kind: 'hdsync.function',
    on,
    emits: spec.emits,
    spec: { ...spec, ...(always && { always }) } as unknown as FunctionDefinition['spec'],
  }
  declarations.set(definition, new Error('declared here'))
  return definition
}
