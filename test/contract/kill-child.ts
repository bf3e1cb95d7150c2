import { writeSync } from 'node:fs'
import type { EventBus, Publication } from '../../runtime/core/bus/bus.ts'
import { type Clock, systemClock } from '../../runtime/core/clock.ts'
import { Dispatcher } from '../../runtime/core/dispatcher.ts'
import { rootPublication } from '../../runtime/core/publication.ts'
import { createRegistry, register } from '../../runtime/core/registry/registry.ts'
import type { Acknowledged } from './kill-audit.ts'
import { functions, step } from './kill-work.ts'
import { open } from './open-sqlite.ts'

// The process that is killed: `node kill-child.ts DIRECTORY LIFE work` takes over what the last one left, plants
// trees and lets them grow, for ever; with `finish` it plants none, and ends when nothing is owed any more.
// Everything that the bus has answered for is printed, once it has.

const [directory = '', life = '', task] = process.argv.slice(2)
const bus = telling(open(directory))

/** Time counts up from life to life, and never stands still. */
let ticks = Number(life) * 1e9
const clock: Clock = { now: () => ticks++, schedule: systemClock.schedule }

const registry = createRegistry(
  Object.entries(functions()).map(([name, definition]) => register(name, definition)),
  new Map(),
)
const dispatcher = new Dispatcher({
  bus,
  registry,
  clock,
  concurrency: 5,
  // Nothing but reclaim() takes a delivery from a process that was killed.
  leaseMs: 1e15,
  context: (_, signal) => ({
    host: {},
    config: {},
    run: { id: '', startedAt: 0 },
    log: { info: () => {}, warn: () => {} },
    signal,
    clock,
    progress: () => {},
  }),
  onFailure: (error) => {
    throw error
  },
})

await bus.reclaim('killed', Date.now())
dispatcher.start()
for (let planted = 0; task !== 'finish' || bus.open().length > 0; ) {
  if (task !== 'finish') await dispatcher.publish([tree(planted++), tree(planted++), tree(planted++)])
  await dispatcher.idle()
}
await dispatcher.stop()
bus.close()

function tree(number: number): Publication {
  return rootPublication(registry, step, { path: `${life}-${number}.` }, { now: clock.now() })
}

/** Tells of what the bus acknowledges. */
function telling(bus: EventBus): EventBus {
  const tell = (...told: Acknowledged) => writeSync(1, `${told.join(' ')}\n`)
  return {
    watch: (listener) => bus.watch(listener),
    expedite: (runId, except) => bus.expedite(runId, except),
    hasten: (byMs) => bus.hasten(byMs),
    redrive: (id) => bus.redrive(id),
    replace: (ids, publication) => bus.replace(ids, publication),
    holdBack: (runId, until) => bus.holdBack(runId, until),
    withdraw: (runId, publications) => bus.withdraw(runId, publications),
    revoke: (runId, reason, now, options) => bus.revoke(runId, reason, now, options),
    ripen: (now) => bus.ripen(now),
    heldRun: () => bus.heldRun(),
    heldRuns: () => bus.heldRuns(),
    heldLike: (event) => bus.heldLike(event),
    lost: () => bus.lost(),
    find: (source, id) => bus.find(source, id),
    open: (runId) => bus.open(runId),
    events: (filter) => bus.events(filter),
    close: () => bus.close(),
    async publish(publications) {
      const result = await bus.publish(publications)
      for (const { event } of publications) tell('event', event.id)
      return result
    },
    async reclaim(error, now) {
      const orphans = await bus.reclaim(error, now)
      for (const { id, tries } of orphans) tell('reclaimed', id, tries)
      return orphans
    },
    async exchange(turn) {
      const result = await bus.exchange(turn)
      for (const [index, settlement] of turn.settle.entries()) {
        if (!result.settled[index]) throw new Error(`delivery ${settlement.delivery.id} is not ours any more`)
        tell('settled', settlement.delivery.id, settlement.delivery.tries, settlement.outcome)
        if (settlement.outcome === 'retry') continue
        for (const { event } of settlement.publications) tell('event', event.id)
      }
      for (const { event } of turn.publish ?? []) tell('event', event.id)
      for (const { id, tries } of result.claimed) tell('claimed', id, tries)
      return result
    },
  }
}
