/// <reference types="node" preserve="true" />
// In the types of a build too: without Node's, `AbortSignal` would be `any` to whoever has not installed them.
import type { DataOf, Envelope, EventDefinition, InputOf } from '../events/index.ts'
import type { Config } from './config/config.ts'
import type { Clock } from './core/clock.ts'
import type { Host } from './host/host.ts'

export { type EarlierArchive, earlierArchives, provesUnchanged } from './backup/earlier-archives.ts'
export {
  findRelease,
  isMoved,
  keepHold,
  lastFileSystem,
  type Release,
  spentDeletions,
} from './backup/holds/release.ts'
export { contentsAfter, contentsOf, dueShare } from './backup/mirror/contents.ts'
export { bearsOnDoubt, doubtOf } from './backup/mirror/doubts.ts'
export { isNeedless, lastCopy, leftBy } from './backup/mirror/last-copy.ts'
export { syncMakingRoom } from './backup/mirror/make-room.ts'
export { countOf, mirrorFilesAtLeast } from './backup/mirror/mirror-count.ts'
export { permit, type Stopped } from './backup/mirror/permit.ts'
export { remarksOn } from './backup/mirror/remarks.ts'
export { syncWarning } from './backup/mirror/sync-warning.ts'
export { summarise, unsummed } from './backup/summary.ts'
export type { Config, LvSource, PathSource, Source, Target } from './config/config.ts'
export { matchesEvent } from './config/event-pattern.ts'
export { configured, configuredHook, volumeSource } from './config/lookup.ts'
export { retryDelayMs, retryForADay } from './core/retry.ts'
export {
  CancelledError,
  HdsyncError,
  HookGoneError,
  InterruptedError,
  RetryableError,
  reasonOf,
  SuspectMirrorError,
  TerminalError,
} from './errors.ts'
export type { Session } from './host/command/session.ts'
export type { Host } from './host/host.ts'
export { snapshotSizeBytes } from './host/limits.ts'
export type { Comparison, Mirror } from './host/mirror/mirrors.ts'
export { tellingLine } from './host/mount/kernel-log.ts'
export { isoOf } from './instant.ts'
export { weekdayOf } from './weekday.ts'

/** One event, as a handler receives it. */
export interface Received<E extends EventDefinition> {
  /** The payload, checked against the event's schema. */
  readonly data: DataOf<E>
  /** The trial that the event belongs to, from 1: set by whoever emitted it. */
  readonly attempt: number
  readonly event: Envelope
}

/** One event, as `run` is handed it. */
export interface Delivered<E extends EventDefinition> extends Received<E> {
  /** Whether it is handled for the first time: no earlier try, ended badly or cut off, has done a part of it. */
  readonly firstTry: boolean
}

export interface EmitOptions {
  /** The trial that the new event belongs to; 1 unless given. */
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

/** What the log of events knows. */
export interface EventLog {
  /** The events of this kind in the current run, oldest first. @param limit How many at most; all unless given. */
  ofRun<E extends EventDefinition>(event: E, limit?: number): Received<E>[]
  /** The latest events of this kind about one source, of any run, newest first. */
  latest<E extends EventDefinition>(event: E, subject: string, limit: number): Received<E>[]
  /** The latest event that is of one of these kinds, about one source or whatever else it may be about. */
  newest(events: readonly EventDefinition[], subject?: string): Envelope | undefined
  /** The latest events of these kinds about one source, of any run, newest first. */
  recent(events: readonly EventDefinition[], subject: string, limit: number): Envelope[]
  /** How many deliveries of the current run's chain are still owed, apart from the one in hand. */
  pending(): number
  /** Every event of the current run, oldest first. */
  run(): Envelope[]
}

/** How far a copy has come. */
export interface Progress {
  bytes: number
  /** Bytes to do in all; null where that is not known. */
  totalBytes: number | null
  bytesPerSecond: number
}

export interface Log {
  info(message: string): void
  warn(message: string): void
}

export interface RunInfo {
  id: string
  /** Milliseconds since the epoch. */
  startedAt: number
}

/** What a handler may do besides emitting. */
export interface Context {
  /** The box: LVM, mounts, rsync, archives, programs. */
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
  /** Shows how far long work has come; nothing of it is kept. */
  progress(progress: Progress): void
}

/** What a function has that handles `snapshot.before`, and no other. */
export interface AtGate {
  /**
   * Says that everything is ready, and waits: what the function holds (a lock, a session) is held while the snapshot
   * is taken. A function that returns without calling it is ready when it returns.
   * @returns Whether the snapshot was taken. Either way what is held is to be let go now.
   */
  snapshotTaken(): Promise<boolean>
}

type ContextFor<On extends EventDefinition> = On['type'] extends 'snapshot.before'
  ? Context & AtGate
  : Context

/** How long a snapshot waits for functions, and what happens when one is not ready by then, or fails. */
export interface GateOptions {
  timeoutMs: number
  onTimeout: 'give-up' | 'take-anyway'
}

/** What the chain needs to know of the functions that handle `snapshot.before` and `snapshot.after`. */
export interface Gates {
  /** Whether there are any. */
  exist(): boolean
  /** Waits until what earlier trials owe to `snapshot.after` is done: it must not undo what comes now. */
  settled(source: string): Promise<void>
  open(before: Envelope, options: GateOptions): OpenGate
}

export interface OpenGate {
  /** Waits until all functions are ready, or the time is up. @returns Why one of them is not. */
  ready(): Promise<string | undefined>
  /** Tells the functions how it went, and waits for their end. @returns Which of them ended badly, and why. */
  close(taken: boolean): Promise<string | undefined>
}

/** What is left to do when a delivery is given up: nothing but to say so, and to let the chain end. */
export type GiveUpContext = Pick<Context, 'config' | 'run' | 'events'>

export interface RetryPolicy {
  /** Tries in all, the first one included. */
  limit: number
  minDelayMs: number
  maxDelayMs: number
  /** No further try once its event is older than that; without it, `limit` alone decides. */
  withinMs?: number
}

export interface FunctionSpec<On extends EventDefinition, Emits extends readonly EventDefinition[]> {
  /** The event to handle, or several; `anyFact` for every external one. */
  on: On | readonly On[]
  /** Every event that `run` or `giveUp` may emit. */
  emits: Emits
  /**
   * How long `run` may take (`30s`, `2m`, `24h`); one minute unless given, and as long as the snapshot waits for it
   * when it handles `snapshot.before`.
   */
  timeout?: string
  /** Deliveries with an equal key are handled one after the other, in the order of their events. */
  concurrency?: { key: (data: DataOf<On>, run: { id: string }) => string; limit?: 1 }
  /** What to do when `run` throws anything but a TerminalError; three tries unless given. */
  retry?: Partial<RetryPolicy>
  /**
   * Is done even when the run was cancelled, or cut short by a crash: it puts things in order, and is safe to
   * repeat. Every other step of such a run is given up.
   */
  always?: boolean
  /** Stands beside the chain (a notification): the run neither waits for it nor fails with it. */
  aside?: boolean
  run(received: Delivered<On>, context: ContextFor<On> & { emit: Emit<Emits> }): Promise<void> | void
  /** Called instead of `run` when there will be no further try. What it emits lets the chain go on. */
  giveUp?(received: Received<On> & { error: Error }, context: GiveUpContext & { emit: Emit<Emits> }): void
}

/** A function with its types set aside, as the registry keeps it. */
export interface FunctionDefinition {
  readonly kind: 'hdsync.function'
  readonly on: readonly EventDefinition[]
  readonly emits: readonly EventDefinition[]
  readonly spec: FunctionSpec<EventDefinition, readonly EventDefinition[]>
}

/**
 * Declares a handler. The default export of a file in functions/, or in the folder of the user's own.
 * @example
 * export default defineFunction({
 *   on: runFailed,
 *   emits: [],
 *   async run({ data }, { log }) { log.warn(`run ${data.run} failed`) },
 * })
 */
export function defineFunction<On extends EventDefinition, const Emits extends readonly EventDefinition[]>(
  spec: FunctionSpec<On, Emits>,
): FunctionDefinition {
  const on: readonly On[] = Array.isArray(spec.on) ? spec.on : [spec.on as On]
  const always = spec.always || on.some((event) => event.always)
  return {
    kind: 'hdsync.function',
    on,
    emits: spec.emits,
    spec: { ...spec, ...(always && { always }) } as unknown as FunctionDefinition['spec'],
  }
}
