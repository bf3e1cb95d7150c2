import type { EventDefinition, InputOf, StoredRestoreRequest } from '../../events/index.ts'
import type { Config, Target } from '../config/config.ts'
import type { EventBus, Publication } from '../core/bus/bus.ts'
import type { Journal } from '../core/bus/journal.ts'
import type { Inbox } from '../core/bus/sqlite/fleet/inbox.ts'
import type { Outbox } from '../core/bus/sqlite/fleet/outbox.ts'
import type { Clock } from '../core/clock.ts'
import type { Dispatcher } from '../core/dispatcher.ts'
import type { Receipt, Submission } from '../core/intake.ts'
import type { EngineObserver } from '../core/observers.ts'
import type { Registry } from '../core/registry/registry.ts'
import type { ContextOptions } from './engine/context.ts'
import type { LiveRegistry } from './engine/live-registry.ts'
import type { Redriven } from './engine/redrive.ts'
import type { Hold } from './holds/holds.ts'

export type { EngineObserver } from '../core/observers.ts'

/** Everything that carries a night, put together over one state directory. */
export interface Engine {
  bus: EventBus
  journal: Journal
  /** What the engine's store has for a fleet. */
  fleet: EngineFleet
  registry: LiveRegistry
  dispatcher: Dispatcher
  /** Sets right what an earlier process left, then hands out what is on the bus. */
  start(): Promise<void>
  /** Puts the first event of a chain on the bus. @returns The run's id. */
  trigger<E extends EventDefinition>(event: E, data: InputOf<E>, options?: SubmitOptions): Promise<string>
  /** The syncs that wait for a release. */
  held(): Hold[]
  /**
   * Runs sources again whose sync is held, with leave to delete what they were held for. Waits for the end of a run that
   * is going on, as `submit` does.
   * @param id A source, the id of a hold, or a run. @param from Who asks; hdsync itself unless given.
   * @throws {NothingHeldError} Nothing waits under that name.
   * @throws {UsageError} What would go is not known any more.
   */
  release(id: string, from?: string, options?: ReleaseOptions): Promise<Released>
  /** Begins a restore, of which a plan was shown. Waits for its turn, as a backup does. @returns The run. */
  restore(source: string, request: StoredRestoreRequest, from?: string): Promise<string>
  /** Takes a dead letter up again. @throws {UsageError} There is no such dead letter, or nobody to take it. */
  redrive(deliveryId: number): Promise<Redriven>
  /**
   * Takes an event from outside, once it is on the disk. A run that is asked for while one is going on waits for
   * its end; until it begins, whoever asks for the same is given that run. Safe to repeat with the same `source` and `id`.
   * @throws {RejectedEventError} Its type may not be triggered, or its data does not fit.
   */
  submit(event: Submission, options?: SubmitOptions): Promise<Receipt>
  /** Checks an event as `submit` does. @returns Puts it on the bus: several can be checked before one is taken. */
  prepare(event: Submission): () => Promise<Receipt>
  /** Waits until functions of the user's that have changed are in use; not for long. */
  refreshed(): Promise<void>
  /** Why no event can be taken now, if none can. */
  unready(): Error | undefined
  /** The run that is going on. */
  current(): string | undefined
  /** Whether anything is going on, or could go on at once. */
  busy(): boolean
  /** When something that waits for its time is due; undefined if there is nothing. */
  nextDue(): number | undefined
  /** When the next source becomes overdue, if it does not succeed before. */
  nextOverdue(): number | undefined
  /**
   * From now on runs that are asked for are judged by another config, with which they will begin: the caller holds this
   * engine, and opens another one by that config.
   */
  judgeBy(config: Config, registry: Registry): void
  /** No further run begins; the one that is going on is not touched, and those that wait are kept. */
  hold(): void
  /**
   * Waits until no run is going on; none begins until the turn is given back: for who reads or changes backups beside runs.
   * @returns Gives it back; safe to repeat.
   */
  lend(): Promise<() => void>
  /** Whether somebody has that turn. */
  isLent(): boolean
  /**
   * Reads backups while no run changes them. Disks that are not mounted are mounted read-only for it, and unmounted after; one
   * that cannot be is left to the reader to miss.
   */
  look<T>(targets: readonly Target[], read: () => Promise<T>): Promise<T>
  /** Tells of what happens, until the answer is called. */
  listen(observer: EngineObserver): () => void
  /**
   * Cancels a run that has been asked for: what is in hand is stopped and put in order.
   * @returns false when it is not known or has ended.
   */
  cancel(runId: string, reason: string): Promise<boolean>
  /** Waits until a run has ended. @throws The error that keeps the bus from going on. */
  ended(runId: string): Promise<void>
  /**
   * The way out when the store cannot be written any more: aborts what is in hand, removes our snapshots and
   * mounts, and tells the hooks. The next start brings the record in order.
   */
  abandon(error: Error): Promise<void>
  /** Waits for what is in hand, then gives everything back. */
  stop(): Promise<void>
}

/** The store of a fleet's host or hub, in the file of the bus. */
export interface EngineFleet {
  /** What the hub is to be told; on a host alone. */
  outbox: Outbox | undefined
  inbox: Inbox
  /** Puts on the bus what is decided, in one transaction with what else the decision writes. @returns What was taken. */
  publishWith(decide: () => readonly Publication[]): Publication[]
}

export interface SubmitOptions {
  /** Leaves the functions of the user's out of the run. */
  safe?: boolean
  /** Has it wait for no slot of its fleet; one that it joins waits no more either. */
  noSlot?: boolean
  /** What is put on the bus in one transaction with it; for the run that it belongs to. */
  beside?: Beside
}

export type Beside = (run: string) => readonly Publication[]

export interface ReleaseOptions {
  /** The id of the event, by which it is taken once. */
  id?: string
  beside?: Beside
}

/** What came of a release. */
export interface Released {
  runId: string
  holds: Hold[]
}

export interface EngineOptions {
  config: Config
  observer?: EngineObserver
  clock?: Clock
  /** Told when the store fails, and nothing can go on. */
  onFailure?(error: Error): void
  /** Whether functions have their turn when their schedule says so: for a process that goes on. */
  schedules?: boolean
  /** Told when functions of the user's have changed, and are in use as they are now. */
  onFunctions?(registry: Registry): void
  /** Makes the box that functions see; the real one unless given. */
  host?: ContextOptions['host']
}
