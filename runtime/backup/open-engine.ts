import { backupFinish, type Envelope, restoreStart } from '../../events/index.ts'
import { runEndTypes } from '../../events/types.ts'
import { keepConfig } from '../config/last-config.ts'
import { dueAt, heldBack } from '../core/bus/bus.ts'
import type { Pruned } from '../core/bus/journal.ts'
import { explained, storeError } from '../core/bus/sqlite/health.ts'
import { systemClock } from '../core/clock.ts'
import { Dispatcher } from '../core/dispatcher.ts'
import { inTurn } from '../core/intake.ts'
import { createObservers } from '../core/observers.ts'
import { rootPublication } from '../core/publication.ts'
import { Retention } from '../core/retention.ts'
import { RunEnds } from '../core/run-ends.ts'
import { RunQueue } from '../core/run-queue.ts'
import { Scheduler } from '../core/scheduler.ts'
import { CancelledError, TerminalError } from '../errors.ts'
import { runtimeDirectory } from '../host/host.ts'
import { sweep } from '../host/leftovers.ts'
import { heldLists } from '../host/mirror/held-lists.ts'
import { chainEnds } from './engine/chain-ends.ts'
import { contextFactory } from './engine/context.ts'
import { brokenRun, tellHooks } from './engine/last-words.ts'
import { liveRegistry } from './engine/live-registry.ts'
import { OverdueWatch } from './engine/overdue-watch.ts'
import { readOn } from './engine/read-on.ts'
import { Reception } from './engine/reception.ts'
import { reconcile } from './engine/reconciler.ts'
import { redrive } from './engine/redrive.ts'
import { releasePublication } from './engine/requests.ts'
import { giveTurnAgain, type MakeKeeper, slotKeeper } from './engine/slots.ts'
import { Store, toldTypes } from './engine/store.ts'
import { dueAfterNight, makesWay, makesWayFor } from './engine/turns.ts'
import { cancelledRun, endOfWithdrawn } from './engine/withdrawal.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { openHolds, releasableHolds, releaseOf } from './holds/holds.ts'
import { type LoadedRegistry, loadFunctions } from './load-functions.ts'
import { lettersSettledBy } from './restore/dead-restore.ts'
import { cutOffText, registeredRestores } from './restore/register.ts'
import { backupKind, isNotice, isOver } from './run-report.ts'

/**
 * Puts an engine together, as the only one on its state directory.
 * @returns undefined when another process holds the lock.
 * @throws {UsageError} The store cannot be opened, or a function does not fit.
 */
export async function openEngine(options: EngineOptions): Promise<Engine | undefined> {
  const { config } = options
  try {
    const store = Store.open(config.state, config.fleet?.role === 'host' ? toldTypes : [])
    if (!store) return undefined
    keepConfig(config)
    try {
      const load = () => loadFunctions(config, { warn: (message) => options.observer?.onWarning?.(message) })
      return assemble(options, await load(), load, store, await slotKeeper(config))
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
  slotKeeping: MakeKeeper | undefined,
): Engine {
  const { config, clock = systemClock } = options
  const { bus, journal, machineWentDown } = store
  const { observer, listen } = createObservers(options.observer)
  const hostOptions = {
    store: store.id,
    runtimeDirectory: runtimeDirectory(config.state, store.id),
    stateDirectory: config.state,
    readLimit: config.limits.read,
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
  const slots = slotKeeping?.({
    ...{ bus, journal, registry, clock, makesWay },
    publish: (facts) => dispatcher.publish(facts),
    advance: () => queue.advance(),
    ended: (run) => ends.wait(run),
    note: observer.onWarning,
  })
  const queue = new RunQueue({
    ...{ bus, dispatcher, ends, clock },
    ...(slots && { putOff: (run) => slots.putOff(run) }),
  })
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
    slots,
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
    fleet: {
      outbox: store.outbox,
      inbox: store.inbox,
      publishWith(decide) {
        const taken = bus.publishWith(decide)
        dispatcher.announce(taken)
        return taken
      },
    },
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
      await giveTurnAgain(bus)
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
      slots?.isWaiting === true ||
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
    async release(id, source, { id: eventId, beside } = {}) {
      const holds = releasableHolds({ bus, journal, config, lists }, id)
      const origin = {
        ...(source !== undefined && { source }),
        ...(eventId !== undefined && { id: eventId }),
      }
      const publication = releasePublication(releaseOf(holds), registry, { now: clock.now(), origin })
      const runId = publication.event.runid ?? ''
      await reception.put(publication, beside?.(runId))
      return { runId, holds }
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
      await slots?.stop()
      await dispatcher.stop()
      registry.close()
      retention.stop()
      store.close()
    },
  }
}
