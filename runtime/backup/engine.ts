import {
  backupFinish,
  type Envelope,
  type EventDefinition,
  type InputOf,
  restoreStart,
  type StoredRestoreRequest,
} from '../../events/index.ts'
import { runEndTypes } from '../../events/types.ts'
import type { Config, Target } from '../config/config.ts'
import { keepConfig } from '../config/last-config.ts'
import { dueAt, type EventBus, heldBack } from '../core/bus/bus.ts'
import type { Journal, Pruned } from '../core/bus/journal.ts'
import { explained, storeError } from '../core/bus/sqlite/health.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { Dispatcher } from '../core/dispatcher.ts'
import { inTurn, type Receipt, type Submission } from '../core/intake.ts'
import { createObservers, type EngineObserver } from '../core/observers.ts'
import { rootPublication } from '../core/publication.ts'
import type { Registry } from '../core/registry/registry.ts'
import { Retention } from '../core/retention.ts'
import { RunEnds } from '../core/run-ends.ts'
import { RunQueue } from '../core/run-queue.ts'
import { Scheduler } from '../core/scheduler.ts'
import { CancelledError, TerminalError } from '../errors.ts'
import { runtimeDirectory } from '../host/host.ts'
import { sweep } from '../host/leftovers.ts'
import { heldLists } from '../host/mirror/held-lists.ts'
import { chainEnds } from './engine/chain-ends.ts'
import { type ContextOptions, contextFactory } from './engine/context.ts'
import { brokenRun, tellHooks } from './engine/last-words.ts'
import { type LiveRegistry, liveRegistry } from './engine/live-registry.ts'
import { readOn } from './engine/read-on.ts'
import { Reception } from './engine/reception.ts'
import { reconcile } from './engine/reconciler.ts'
import { type Redriven, redrive } from './engine/redrive.ts'
import { releasePublication } from './engine/requests.ts'
import { Store } from './engine/store.ts'
import { dueAfterNight, makesWayFor } from './engine/turns.ts'
import { cancelledRun, endOfWithdrawn } from './engine/withdrawal.ts'
import { type Hold, openHolds, releasableHolds, releaseOf } from './holds/holds.ts'
import { type LoadedRegistry, loadFunctions } from './load-functions.ts'
import { OverdueWatch } from './overdue-watch.ts'
import { lettersSettledBy } from './restore/dead-restore.ts'
import { cutOffText, registeredRestores } from './restore/register.ts'
import { backupKind, isNotice, isOver } from './run-report.ts'

export type { EngineObserver } from '../core/observers.ts'

/** Everything that carries a night, put together over one state directory. */
export interface Engine {
  bus: EventBus
  journal: Journal
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
  release(id: string, from?: string): Promise<Released>
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

export interface SubmitOptions {
  /** Leaves the functions of the user's out of the run. */
  safe?: boolean
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

/**
 * Puts an engine together, as the only one on its state directory.
 * @returns undefined when another process holds the lock.
 * @throws {UsageError} The store cannot be opened, or a function does not fit.
 */
export async function openEngine(options: EngineOptions): Promise<Engine | undefined> {
  const { config } = options
  try {
    const store = Store.open(config.state)
    if (!store) return undefined
    keepConfig(config)
    try {
      const load = () => loadFunctions(config, { warn: (message) => options.observer?.onWarning?.(message) })
      return assemble(options, await load(), load, store)
    } catch (error) {
      store.close()
      throw error
    }
  } catch (error) {
    throw explained(error, config.state)
  }
}

function assemble(
  options: EngineOptions,
  loaded: LoadedRegistry,
  load: () => Promise<LoadedRegistry>,
  store: Store,
): Engine {
  const { config, clock = systemClock } = options
  const { bus, journal, machineWentDown } = store
  const { observer, listen } = createObservers(options.observer)
  const hostOptions = {
    store: store.id,
    runtimeDirectory: runtimeDirectory(config.state, store.id),
    stateDirectory: config.state,
  }
  const registry = liveRegistry(loaded, {
    load,
    onChanged() {
      if (options.schedules && isStarted && !onHold) void scheduler.start()
      options.onFunctions?.(registry)
    },
    onWarning: observer.onWarning,
    clock,
  })
  const isOverBy = (runId: string) => isOver(journal.tallies(runId))
  const ends = new RunEnds({ bus, journal, registry, clock, isOver: isOverBy })
  const dispatcher: Dispatcher = new Dispatcher({
    bus,
    registry,
    clock,
    context: contextFactory({
      config,
      observer,
      clock,
      journal,
      kept: (deliveryId) => store.kept(deliveryId),
      hostOptions,
      host: options.host,
    }),
    ...chainEnds({ registry, clock }),
    onEvent(event) {
      ends.heard(event)
      if (registry.event(event.type)?.startsRun) {
        queue.advance()
        makeWay(event)
      }
      observer.onEvent(event)
      if (options.schedules && runEndTypes.some((end) => end === event.type)) beginWhatIsDue()
    },
    onSettled(settlement) {
      ends.settled()
      observer.onSettled(settlement)
    },
    relieve(error) {
      if (!store.relieve(error)) return false
      const room = 'the run is ended, what was held back for that is used'
      observer.onWarning(`the disk of ${config.state} is full: ${room}`)
      queue.close()
      for (const runId of journal.unended()) {
        dispatcher
          .endRun(runId, new TerminalError(`the disk of the state directory ${config.state} is full`))
          .catch(() => {})
      }
      return true
    },
    onFailure(error) {
      const told = storeError(error, config.state)
      ends.fail(told)
      options.onFailure?.(told)
    },
    onIdle() {
      for (const { runId, again } of ends.stalled()) {
        const end = again
          ? brokenRun(runId, { bus, journal, registry, clock })
          : rootPublication(registry, backupFinish, {}, { now: clock.now(), runId })
        dispatcher.publish([end]).catch(ends.fail)
      }
      // Another process may have asked for one.
      queue.advance()
    },
  })
  const queue = new RunQueue({ bus, dispatcher, ends, clock })
  let onHold = false
  let isStarted = false
  const recover = () => {
    if (store.recover() && !onHold) queue.open()
  }
  const reception = new Reception({
    store,
    dispatcher,
    clock,
    config,
    registry,
    onRecorded() {
      recover()
      queue.advance()
    },
  })
  const makeWay = (event: Envelope) => {
    const { current } = queue
    const reason = current && makesWayFor(event, journal.run(current)?.kind)
    if (reason) dispatcher.endRun(current, new CancelledError(reason), isNotice).catch(ends.fail)
  }
  const beginWhatIsDue = () => {
    if (onHold) return
    for (const type of dueAfterNight(config, { bus, journal }, clock.now()))
      reception.prepare({ type, data: {} })().catch(ends.fail)
  }
  const lists = heldLists(config.state)
  const overdue = new OverdueWatch({
    config,
    bus,
    registry,
    clock,
    publish: (facts) => dispatcher.publish(facts),
    firstSeen: (sources) => store.firstSeen(sources, clock.now()),
  })
  const scheduler = new Scheduler({
    registry,
    bus,
    journal,
    clock,
    memos: store.schedules,
    publish: (publications) => dispatcher.publish(publications),
    onWarning: observer.onWarning,
  })
  const retention = new Retention({
    journal: {
      horizon: (keepMs) => journal.horizon(keepMs),
      prune(before): Pruned {
        lists.prune(before)
        return journal.prune(before)
      },
    },
    keepMs: config.keep,
    clock,
    onWarning: observer.onWarning,
  })

  return {
    bus,
    journal,
    registry,
    dispatcher,
    listen,
    async start() {
      const parts = { bus, journal, dispatcher, ends, config, observer, hostOptions, machineWentDown, clock }
      await reconcile(parts).catch((error) => {
        throw explained(error, config.state)
      })
      store.noteBoot()
      await overdue.look()
      for (const { root, record } of registeredRestores(config.state)) {
        if (record.stage === 'placing') observer.onWarning(cutOffText(record.id, root))
      }
      retention.start()
      if (onHold) return
      queue.open()
      isStarted = true
      if (!options.schedules) return
      // One may be new: nothing else would look.
      registry.follow()
      await scheduler.start()
    },
    async trigger({ type }, data, options) {
      await registry.refreshed()
      return (await reception.prepare({ type, data }, options)()).runId
    },
    refreshed: () => registry.refreshed(),
    prepare: (event) => reception.prepare(event),
    async submit(event, options) {
      await registry.refreshed()
      return reception.prepare(event, options)()
    },
    judgeBy: (config, registry) => reception.judgeBy(config, registry),
    unready() {
      const reason = dispatcher.failed ? storeError(dispatcher.failed, config.state) : store.unready()
      if (!reason) recover()
      return reason
    },
    current: () => queue.current,
    busy: () =>
      queue.current !== undefined ||
      queue.isLent ||
      dispatcher.inHand > 0 ||
      bus.open().some(({ runAt }) => runAt <= clock.now() || runAt === heldBack),
    nextDue() {
      const due = bus.open().flatMap(({ runAt }) => dueAt(runAt) ?? [])
      if (options.schedules) due.push(...[scheduler.nextAt ?? []].flat())
      return due.length > 0 ? Math.min(...due) : undefined
    },
    nextOverdue: () => overdue.nextAt,
    lend: () => queue.lend(),
    isLent: () => queue.isLent,
    async look(targets, read) {
      const giveBack = await queue.lend()
      try {
        return await readOn(targets, read, hostOptions)
      } finally {
        giveBack()
      }
    },
    hold() {
      onHold = true
      queue.close()
      scheduler.stop()
    },
    async cancel(runId, reason) {
      const run = journal.run(runId)
      if (!run || ends.has(run.id)) return false
      if (run.kind !== backupKind) {
        const publish = endOfWithdrawn(run.id, reason, { bus, registry, now: clock.now() })
        const untouched = await bus.revoke(run.id, reason, clock.now(), { publish })
        if (untouched) dispatcher.announce(publish)
        if (!untouched) await dispatcher.endRun(run.id, new CancelledError(reason), isNotice)
        dispatcher.wake()
        ends.look(run.id)
        return true
      }
      const end = cancelledRun(run.id, reason, { bus, registry, config, now: clock.now() })
      // One that nobody has begun has nothing that would have to be put in order.
      if (await bus.withdraw(run.id, [end])) dispatcher.announce([end])
      else await dispatcher.endRun(run.id, new CancelledError(reason))
      return true
    },
    held: () => openHolds({ bus, config, lists }),
    async release(id, source) {
      const holds = releasableHolds({ bus, journal, config, lists }, id)
      const origin = source === undefined ? undefined : { source }
      const publication = releasePublication(releaseOf(holds), registry, { now: clock.now(), origin })
      await reception.put(publication)
      return { runId: publication.event.runid ?? '', holds }
    },
    async restore(source, request, from) {
      const origin = from === undefined ? {} : { source: from }
      const publication = inTurn(
        rootPublication(registry, restoreStart, { source, request }, { now: clock.now(), origin }),
      )
      const settled = lettersSettledBy(request, journal.dead())
      const replaces = settled.length > 0 && (await bus.replace(settled, publication))
      if (replaces) dispatcher.announce([publication])
      else await reception.put(publication)
      queue.advance()
      return publication.event.runid ?? ''
    },
    async redrive(id) {
      const redriven = await redrive(id, { bus, journal, registry, dispatcher, clock, config })
      queue.advance()
      return redriven
    },
    ended: (runId) => ends.wait(runId),
    async abandon(error) {
      await dispatcher.abandon(error)
      for (const message of await sweep(config, hostOptions, () => false)) observer.onWarning(message)
      await tellHooks(explained(error, config.state) as Error, config)
    },
    async stop() {
      overdue.stop()
      scheduler.stop()
      queue.close()
      await dispatcher.stop()
      registry.close()
      retention.stop()
      store.close()
    },
  }
}
