import {
  backupFinish,
  backupStart,
  catalogue,
  type Envelope,
  type EventDefinition,
  type InputOf,
} from '../../events/index.ts'
import type { Config } from '../config/config.ts'
import { type EventBus, heldBack, type Publication } from '../core/bus/bus.ts'
import type { Journal, Pruned } from '../core/bus/journal.ts'
import { SqliteBus } from '../core/bus/sqlite/bus.ts'
import { holdLock, lastBoot, noteBoot, openDatabase, storeId } from '../core/bus/sqlite/database.ts'
import { firstSeen } from '../core/bus/sqlite/first-seen.ts'
import { cannotWrite, explained, freeBytes, storeError } from '../core/bus/sqlite/health.ts'
import { SqliteJournal } from '../core/bus/sqlite/journal.ts'
import { isFull, Reserve } from '../core/bus/sqlite/reserve.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { Dispatcher } from '../core/dispatcher.ts'
import { Intake, isHeldBack, type Receipt, type Submission } from '../core/intake.ts'
import { createObservers, type EngineObserver } from '../core/observers.ts'
import { rootPublication } from '../core/publication.ts'
import type { Registry } from '../core/registry/registry.ts'
import { Retention } from '../core/retention.ts'
import { RunEnds } from '../core/run-ends.ts'
import { RunQueue } from '../core/run-queue.ts'
import type { ContextFactory } from '../core/worker.ts'
import { CancelledError, TerminalError } from '../errors.ts'
import { bootId } from '../host/boots.ts'
import { createHost, type Host, type HostOptions, runtimeDirectory } from '../host/host.ts'
import { sweep } from '../host/leftovers.ts'
import { type HeldLists, heldLists } from '../host/mirror/held-lists.ts'
import { chainEnds } from './engine/chain-ends.ts'
import { brokenRun, tellHooks } from './engine/last-words.ts'
import { reconcile } from './engine/reconciler.ts'
import { type Redriven, redrive } from './engine/redrive.ts'
import { checkRequest, joining, releasePublication, requestPublication, runOf } from './engine/requests.ts'
import { cancelledRun } from './engine/withdrawal.ts'
import { type Hold, openHolds, releasableHolds, releaseOf } from './holds/holds.ts'
import { loadFunctions } from './load-functions.ts'
import { OverdueWatch } from './overdue-watch.ts'

export type { EngineObserver } from '../core/observers.ts'

/** Everything that carries a night, put together over one state directory. */
export interface Engine {
  bus: EventBus
  journal: Journal
  registry: Registry
  dispatcher: Dispatcher
  /** Sets right what an earlier process left, then hands out what is on the bus. */
  start(): Promise<void>
  /** Puts the first event of a chain on the bus. @returns The run's id. */
  trigger<E extends EventDefinition>(event: E, data: InputOf<E>): Promise<string>
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
  /** Takes a dead letter up again. @throws {UsageError} There is no such dead letter, or nobody to take it. */
  redrive(deliveryId: number): Promise<Redriven>
  /**
   * Takes an event from outside, once it is on the disk. A run that is asked for while one is going on waits for
   * its end; until it begins, whoever asks for the same is given that run. Safe to repeat with the same `source` and `id`.
   * @throws {RejectedEventError} Its type may not be triggered, or its data does not fit.
   */
  submit(event: Submission): Promise<Receipt>
  /** Checks an event as `submit` does. @returns Puts it on the bus: several can be checked before one is taken. */
  prepare(event: Submission): () => Promise<Receipt>
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
  /** Makes the box that functions see; for plans. */
  host?: (options: HostOptions) => Host
}

/** With so much room on the disk of the state directory runs begin again. */
const enoughBytes = 8 * 1024 * 1024

/**
 * Puts an engine together, as the only one on its state directory.
 * @returns undefined when another process holds the lock.
 * @throws {UsageError} The store cannot be opened, or a function does not fit.
 */
export async function openEngine(options: EngineOptions): Promise<Engine | undefined> {
  try {
    return await open(options)
  } catch (error) {
    throw explained(error, options.config.state)
  }
}

async function open(options: EngineOptions): Promise<Engine | undefined> {
  const { config } = options
  const registry = await loadFunctions(config)
  const unlock = holdLock(config.state)
  if (!unlock) return undefined
  const reserve = new Reserve(config.state)
  const database = openStore(config.state, reserve, unlock)
  try {
    return assemble(options, { registry, unlock, reserve, database })
  } catch (error) {
    database.close()
    unlock()
    throw error
  }
}

/** What an engine is put together of. */
interface Parts {
  registry: Registry
  unlock: () => void
  reserve: Reserve
  database: ReturnType<typeof openDatabase>
}

function assemble(options: EngineOptions, { registry, unlock, reserve, database }: Parts): Engine {
  const { config, clock = systemClock } = options
  const { observer, listen } = createObservers(options.observer)
  const bus = new SqliteBus(database, config.state)
  const journal = new SqliteJournal(database, catalogue)
  const store = storeId(database)
  const machineWentDown = ![bootId(), undefined].includes(lastBoot(database))
  const hostOptions = {
    store,
    runtimeDirectory: runtimeDirectory(config.state, store),
    stateDirectory: config.state,
  }
  const context = contextFactory({ ...options, observer, clock, journal, hostOptions })
  const ends = new RunEnds({ bus, journal, registry })
  const dispatcher: Dispatcher = new Dispatcher({
    bus,
    registry,
    clock,
    context,
    ...chainEnds({ registry, clock }),
    onEvent: (event) => {
      ends.heard(event)
      observer.onEvent?.(event)
    },
    relieve: (error) => {
      if (!isFull(error) || !reserve.release()) return false
      observer.onWarning?.(
        `the disk of ${config.state} is full: the run is ended, what was held back for that is used`,
      )
      const reason = new TerminalError(`the disk of the state directory ${config.state} is full`)
      isRelieved = true
      queue.close()
      for (const runId of journal.unended()) dispatcher.endRun(runId, reason).catch(() => {})
      return true
    },
    onFailure(error) {
      const told = storeError(error, config.state)
      ends.fail(told)
      options.onFailure?.(told)
    },
    onIdle: () => {
      for (const { runId, again } of ends.stalled()) {
        const end = again ? brokenRun(runId, { bus, journal, registry, clock }) : finish(runId)
        dispatcher.publish([end]).catch(ends.fail)
      }
      // Another process may have asked for one.
      queue.advance()
    },
  })
  const finish = (runId: string) => rootPublication(registry, backupFinish, {}, { now: clock.now(), runId })
  let onHold = false
  /** The room that was held back is used, and no run begins. */
  let isRelieved = false
  /** The last thing that was asked for could not be recorded. */
  let isDoubtful = false
  const recover = () => {
    if (!isRelieved || freeBytes(config.state) < enoughBytes) return
    isRelieved = false
    reserve.fill()
    if (!onHold) queue.open()
  }
  const queue = new RunQueue({ bus, dispatcher, ends })
  const intake = new Intake((publications) => dispatcher.publish(publications))
  /** @throws {StoreError} It is not recorded. */
  const put = async (publication: Publication): Promise<boolean> => {
    try {
      const taken = await intake.put(publication)
      isDoubtful = false
      recover()
      return taken
    } catch (error) {
      isDoubtful = true
      // What cannot go on at all ends with the next turn.
      dispatcher.wake()
      throw storeError(error as Error, config.state)
    }
  }
  let next = { config, registry }
  const prepare = (event: Submission) => {
    const by = event.type === backupStart.type ? next : { config, registry }
    const publication = requestPublication(event, by.registry, { now: clock.now() })
    checkRequest(publication, by.config)
    const { id, source, runid = '' } = publication.event
    return async (): Promise<Receipt> => {
      const known = bus.find(source, id)
      if (known) return { runId: runOf(known), eventId: id, duplicate: true }
      const twin = isHeldBack(publication) ? waitingLike(publication.event) : undefined
      const taken = await put(twin === undefined ? publication : joining(publication, twin))
      queue.advance()
      if (!taken) return { runId: runOf(bus.find(source, id)), eventId: id, duplicate: true }
      return {
        runId: twin ?? runid,
        eventId: id,
        duplicate: false,
        ...(twin !== undefined && { joined: true }),
      }
    }
  }
  /** A run that has not begun and will do the same. */
  const waitingLike = (event: Envelope) => intake.like(event) ?? bus.heldLike(event)
  const submit = async (event: Submission) => prepare(event)()
  const lists = heldLists(config.state)

  let overdue: OverdueWatch | undefined
  const retention = new Retention({
    journal: {
      horizon: (keepMs) => journal.horizon(keepMs),
      prune: (before) => pruneAll(before, journal, lists),
    },
    keepMs: config.keep,
    clock,
    onWarning: (message) => observer.onWarning?.(message),
  })

  return {
    bus,
    journal,
    registry,
    dispatcher,
    async start() {
      const options = {
        bus,
        journal,
        dispatcher,
        ends,
        config,
        observer,
        hostOptions,
        machineWentDown,
        clock,
      }
      await reconcile(options).catch((error) => {
        throw explained(error, config.state)
      })
      noteBoot(database, bootId())
      overdue = new OverdueWatch({
        config,
        bus,
        registry,
        clock,
        publish: (facts) => dispatcher.publish(facts),
        firstSeen: firstSeen(database, Object.keys(config.sources), clock.now()),
      })
      await overdue.look()
      retention.start()
      if (!onHold) queue.open()
    },
    trigger: async ({ type }, data) => (await submit({ type, data })).runId,
    prepare,
    submit,
    unready() {
      const { failed } = dispatcher
      const reason = failed
        ? storeError(failed, config.state)
        : (bus.lost() ?? cannotWrite(database, config.state, isDoubtful))
      if (!reason) {
        isDoubtful = false
        recover()
      }
      return reason
    },
    current: () => queue.current,
    busy: () =>
      queue.current !== undefined ||
      dispatcher.inHand > 0 ||
      bus.open().some(({ runAt }) => runAt <= clock.now() || runAt === heldBack),
    nextDue: () => {
      const due = bus.open().flatMap(({ runAt }) => (runAt === heldBack ? [] : runAt))
      return due.length > 0 ? Math.min(...due) : undefined
    },
    nextOverdue: () => overdue?.nextAt,
    judgeBy(config, registry) {
      next = { config, registry }
    },
    hold() {
      onHold = true
      queue.close()
    },
    listen,
    async cancel(runId, reason) {
      const run = journal.run(runId)
      if (!run || run.end) return false
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
      await put(publication)
      queue.advance()
      return { runId: publication.event.runid ?? '', holds }
    },
    async redrive(id) {
      const redriven = await redrive(id, { bus, journal, registry, dispatcher, clock, config })
      queue.advance()
      return redriven
    },
    ended: (runId) => ends.wait(runId),
    async abandon(error) {
      await dispatcher.abandon(error)
      for (const message of await sweep(config, hostOptions, () => false)) observer.onWarning?.(message)
      await tellHooks(explained(error, config.state) as Error, config)
    },
    async stop() {
      overdue?.stop()
      queue.close()
      await dispatcher.stop()
      retention.stop()
      bus.close()
      unlock()
    },
  }
}

function pruneAll(before: number, journal: Journal, lists: HeldLists): Pruned {
  lists.prune(before)
  return journal.prune(before)
}

/** Opens the store, with the room that is held back if there is no other. @throws {UsageError} It cannot be opened. */
function openStore(directory: string, reserve: Reserve, unlock: () => void) {
  try {
    try {
      const database = openDatabase(directory)
      reserve.fill()
      return database
    } catch (error) {
      if (!isFull(error) || !reserve.release()) throw error
      return openDatabase(directory)
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** What each function is given: the box with its commands on record, and where to say things. */
export function contextFactory({
  config,
  observer,
  clock,
  journal,
  hostOptions,
  host = createHost,
}: Required<Pick<EngineOptions, 'config' | 'clock' | 'observer'>> &
  Pick<EngineOptions, 'host'> & {
    journal: Journal
    hostOptions: Omit<HostOptions, 'observer' | 'signal'>
  }): ContextFactory {
  // Asked for by each delivery of a run, and the same for all.
  let begun: { id: string; startedAt: number } | undefined
  const startOf = (runId: string): number => {
    if (begun?.id !== runId) begun = journal.run(runId)
    return begun?.startedAt ?? clock.now()
  }
  return (delivery, signal) => {
    const runId = delivery.event.runid ?? ''
    const note = { deliveryId: delivery.id, try: delivery.tries }
    const line = (level: 'info' | 'warn') => (message: string) =>
      keep(() => journal.log({ deliveryId: delivery.id, at: clock.now(), level, message }))
    return {
      host: host({
        ...hostOptions,
        signal,
        observer: {
          started: (argv) =>
            keep(() => journal.commandStarted({ ...note, argv, startedAt: clock.now() })) ?? 0,
          ended: (id, end) => keep(() => journal.commandEnded(id, end)),
        },
      }),
      config,
      run: { id: runId, startedAt: startOf(runId) },
      log: { info: line('info'), warn: line('warn') },
      signal,
      clock,
      progress: (progress) => observer.onProgress?.(delivery.event, progress),
    }
  }

  /** The journal is for people: a backup does not fail because a line of it cannot be written. */
  function keep<T>(write: () => T): T | undefined {
    try {
      return write()
    } catch (error) {
      observer.onWarning?.(`the journal could not be written: ${(error as Error).message}`)
      return undefined
    }
  }
}
