import { describe, expect, test, vi } from 'vitest'
import { snapshotBefore } from '../../../../events/index.ts'
import { defineFunction } from '../../../../runtime/backup/function.ts'
import { noGuests } from '../../../../runtime/core/guests/guests.ts'
import { rootPublication } from '../../../../runtime/core/publication.ts'
import { laneOf, register } from '../../../../runtime/core/registry/registry.ts'
import { turns } from '../../manual-clock.ts'
import { Bench, registryOf } from '../backup/bench.ts'
import { done, next, work } from '../backup/events.ts'
import { withExchange } from '../backup/gated.ts'

const forEver = () => new Promise<void>(() => {})

/** A function of a user's that handles `work`, and never ends. */
function guestOf(spec: object = {}) {
  const definition = defineFunction({ on: work, emits: [], timeout: '9d', run: forEver, ...spec })
  return { ...register('guest', definition), guest: {} }
}

/** How many turns of the dispatcher a chain of ten hops takes while a function of a user's is owed so many events. */
async function turnsBeside(queued: number, spec?: object) {
  const guests = { ...noGuests, functions: [guestOf(spec)] }
  const chain = defineFunction({
    on: next,
    emits: [next, done],
    run({ data: { source = '' } }, { emit }) {
      if (source.length < 10) emit(next, { source: `${source}x` })
      else emit(done, {})
    },
  })
  let count = 0
  const claimed: string[] = []
  const bench = new Bench(
    { 'test.next': chain },
    {
      guests,
      between: (bus) =>
        withExchange(bus, (original) => async (turn) => {
          count += 1
          const result = await original(turn)
          claimed.push(...result.claimed.map((one) => one.function))
          return result
        }),
    },
  )
  const registry = registryOf({ 'test.next': chain }, new Map(), guests)
  const now = bench.clock.now()
  const owed = Array.from({ length: queued }, (_, n) =>
    rootPublication(registry, work, { source: String(n) }, { now, runId: 'guests' }),
  )
  await bench.bus.publish(owed)
  bench.start()
  await turns(10)
  expect(claimed).toEqual(Array(Math.min(queued, spec ? 1 : 16)).fill('guest'))
  count = 0
  claimed.length = 0
  await bench.emit(next, { source: '' })
  await vi.waitFor(() => expect(bench.told.at(-1)?.type).toBe('test.done'), { timeout: 60_000 })
  return { count, claimed }
}

describe('the chain of a run', () => {
  test('takes as many turns beside 100,000 events that a function of the user is owed as beside none', async () => {
    const alone = await turnsBeside(0)
    expect(alone.claimed).toEqual(Array(11).fill('test.next'))
    expect(await turnsBeside(100_000)).toEqual(alone)
  })

  test('does so also where all of them have one key', async () => {
    const spec = { concurrency: { key: () => 'k' } }
    expect(await turnsBeside(20_000, spec)).toEqual(await turnsBeside(0))
  })
})

test('laneOf() has a function of the user come with the chain only where the chain waits for it', () => {
  const at = (on: typeof snapshotBefore | typeof work, spec: object = {}) =>
    laneOf(guestOf({ on, ...spec }), on)
  expect(at(snapshotBefore)).toBe('chain')
  expect(at(snapshotBefore, { aside: true })).toBe('guest')
  expect(at(work)).toBe('guest')
  const own = (spec: object) =>
    laneOf(register('own', defineFunction({ on: work, emits: [], run() {}, ...spec })), work)
  expect([own({}), own({ aside: true })]).toEqual(['chain', 'aside'])
})
