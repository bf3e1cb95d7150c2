import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { defineEvent, type EventDefinition } from '../../../../events/index.ts'
import type { EventBus } from '../../../../runtime/bus/bus.ts'
import { SqliteBus } from '../../../../runtime/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../runtime/bus/sqlite/database.ts'
import { CancelledError, TerminalError } from '../../../../runtime/errors.ts'
import { defineFunction, type FunctionDefinition } from '../../../../runtime/function.ts'
import { owed } from '../../../contract/publication.ts'
import { turns } from '../../manual-clock.ts'
import { Bench } from './bench.ts'
import { done, given, next, tidy, work } from './events.ts'

/** One of the events that are handled here; they all carry the same. */
type Wish = EventDefinition<string, (typeof work)['schema']>

/** A function that waits at a gate, or until it is aborted. */
function gated(on: Wish = work, options: { always?: boolean; aside?: boolean; keyed?: boolean } = {}) {
  const began: string[] = []
  const gate = Promise.withResolvers<void>()
  const { keyed, ...rest } = options
  const definition = defineFunction({
    on,
    emits: [done, given],
    ...rest,
    ...(keyed && { concurrency: { key: () => 'k' } }),
    async run({ data }, { emit, signal }) {
      began.push(data.source)
      await Promise.race([gate.promise, aborted(signal)])
      emit(done, data)
    },
    giveUp: ({ error }, { emit }) => emit(given, { reason: error.message }),
  })
  return { definition, began, open: () => gate.resolve() }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
}

type Exchange = EventBus['exchange']

/** A bus of which `exchange` is another one. */
function withExchange(bus: EventBus, exchange: (original: Exchange) => Exchange): EventBus {
  const other = exchange((turn) => bus.exchange(turn))
  return new Proxy(bus, {
    get(target, name) {
      const value = name === 'exchange' ? other : Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A bus that answers some turns of the loop later, as one over a network does. */
const slow = (bus: EventBus) =>
  withExchange(bus, (original) => async (turn) => {
    const answer = await original(turn)
    await turns(2)
    return answer
  })

const states = (bench: Bench, name: string, run?: string) =>
  bench.deliveries(name, run).map(({ state }) => state)

test('a chain of nine steps runs through, in order, without the clock being moved', async () => {
  const steps = Array.from({ length: 9 }, (_, index) => defineEvent(`chain.step${index}`, z.unknown()))
  const functions = steps.map((on, index): [string, FunctionDefinition] => {
    const after = steps[index + 1]
    if (!after) return [on.type, defineFunction({ on, emits: [done], run: (_, { emit }) => emit(done, {}) })]
    return [on.type, defineFunction({ on, emits: [after], run: (_, { emit }) => emit(after, {}) })]
  })
  const bench = new Bench(Object.fromEntries(functions)).start()
  await bench.emit(steps[0] as (typeof steps)[0], {})
  await bench.idle()
  expect(bench.types()).toEqual([...steps.map(({ type }) => type), 'test.done'])
  expect(bench.told.map(({ type }) => type)).toEqual(bench.types())
  expect(bench.bus.open()).toEqual([])
})

describe('what is in hand', () => {
  test('is never more than the limit', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }, { concurrency: 3 }).start()
    for (const source of ['a', 'b', 'c', 'd', 'e']) await bench.emit(work, { source })
    await turns()
    expect(wait.began).toEqual(['a', 'b', 'c'])
    wait.open()
    await bench.idle()
    expect(wait.began).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('beside the chain takes no room from it, and is not without a limit', async () => {
    const chain = gated(next)
    const beside = gated(work, { aside: true })
    const bench = new Bench({ beside: beside.definition, 'test.next': chain.definition }, { concurrency: 2 })
    for (const source of ['a', 'b', 'c', 'd', 'e', 'f']) await bench.emit(work, { source })
    for (const source of ['x', 'y', 'z']) await bench.emit(next, { source })
    bench.start()
    await turns(20)
    expect(chain.began).toEqual(['x', 'y'])
    expect(beside.began.length).toBeLessThan(4)
    chain.open()
    await turns(20)
    expect(chain.began).toEqual(['x', 'y', 'z'])
    expect(beside.began.length).toBeLessThan(4)
    beside.open()
    await bench.idle()
    expect(beside.began).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
    expect(bench.bus.open()).toEqual([])
  })

  test('is settled in one transaction when it ends in the same turn of the loop', async () => {
    const wait = gated()
    const settled: number[] = []
    const bench = new Bench(
      { 'test.work': wait.definition },
      {
        between: (bus) =>
          withExchange(bus, (original) => (turn) => {
            settled.push(turn.settle.length)
            return original(turn)
          }),
      },
    ).start()
    for (let count = 0; count < 8; count++) await bench.emit(work, {})
    await turns()
    wait.open()
    await bench.idle()
    expect(settled.filter((count) => count > 0)).toEqual([8])
  })

  test('keeps its lease for as long as it takes', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }, { leaseMs: 9000 }).start()
    await bench.emit(work, {})
    for (let passed = 0; passed < 50_000; passed += 1000) {
      await bench.clock.advance(1000)
      const others = { now: bench.clock.now(), renew: [], settle: [], claim: 10, leaseMs: 9000 }
      expect((await bench.bus.exchange(others)).claimed).toEqual([])
    }
    wait.open()
    await bench.idle()
    expect(bench.deliveries('test.work')).toMatchObject([{ state: 'done', attempts: [{ number: 1 }] }])
  })

  test('counts for nothing once somebody else has taken it over', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }, { leaseMs: 9000 }).start()
    await bench.emit(work, {})
    await turns()
    const later = { now: bench.clock.now() + 9000, renew: [], settle: [], claim: 1, leaseMs: 9000 }
    expect((await bench.bus.exchange(later)).claimed).toHaveLength(1)
    wait.open()
    await bench.idle()
    expect(bench.types()).toEqual(['test.work'])
    expect(bench.told.map(({ type }) => type)).toEqual(['test.work'])
    expect(bench.bus.open()).toMatchObject([{ state: 'claimed', tries: 2 }])
  })
})

describe('deliveries of one key', () => {
  test('are handled one after the other, in the order of their events', async () => {
    const wait = gated(work, { keyed: true })
    const bench = new Bench({ 'test.work': wait.definition }).start()
    for (const source of ['a', 'b', 'c']) await bench.emit(work, { source })
    await turns()
    expect(wait.began).toEqual(['a'])
    wait.open()
    await bench.idle()
    expect(wait.began).toEqual(['a', 'b', 'c'])
  })

  test('keep their order when an earlier one has to be tried again', async () => {
    const tried: string[] = []
    const definition = defineFunction({
      on: work,
      emits: [],
      concurrency: { key: () => 'k' },
      retry: { minDelayMs: 500, maxDelayMs: 500 },
      run({ data: { source } }) {
        tried.push(source)
        if (tried.length === 1) throw new Error('busy')
      },
    })
    const bench = new Bench({ 'test.work': definition }).start()
    await bench.emit(work, { source: 'a' })
    await bench.emit(work, { source: 'b' })
    await bench.clock.advance(499)
    expect(tried).toEqual(['a'])
    await bench.clock.advance(1)
    expect(tried).toEqual(['a', 'a', 'b'])
  })
})

describe('what is delayed', () => {
  test('does not keep idle() from answering, and is handled when its time has come', async () => {
    const definition = defineFunction({
      on: work,
      emits: [next],
      run: (_, { emit }) => emit(next, {}, { delayMs: 3_600_000 }),
    })
    const { definition: later, began, open } = gated(next)
    open()
    const bench = new Bench({ 'test.work': definition, 'test.next': later }).start()
    await bench.emit(work, {})
    await bench.idle()
    await bench.clock.advance(3_599_999)
    expect(began).toEqual([])
    await bench.clock.advance(1)
    expect(began).toEqual(['var'])
  })
})

describe('what others put on the bus', () => {
  test('is handled as soon as it is there', async () => {
    const handled = Promise.withResolvers<string>()
    const definition = defineFunction({
      on: work,
      emits: [],
      run: ({ event }) => handled.resolve(event.id),
    })
    const bench = new Bench({ 'test.work': definition }).start()
    await bench.idle()
    const other = new SqliteBus(openDatabase(bench.directory), bench.directory)
    onTestFinished(() => other.close())
    await other.publish([owed('from another', { function: 'test.work' }, { type: work.type, data: {} })])
    expect(await handled.promise).toBe('from another')
  })

  test('is handled though it came while the dispatcher was waiting for the bus', async () => {
    const { definition, began, open } = gated()
    open()
    const bench = new Bench({ 'test.work': definition }, { between: slow }).start()
    await turns(1)
    await bench.emit(work, {})
    await turns(20)
    expect(began).toEqual(['var'])
  })
})

test('a delivery whose function is gone becomes a dead letter, and says so', async () => {
  const { definition } = gated()
  const bench = new Bench({}, { gone: { 'test.work': definition } }).start()
  await bench.emit(work, {})
  await bench.idle()
  expect(bench.deliveries('test.work')).toMatchObject([
    { state: 'dead', attempts: [{ error: 'there is no function test.work any more' }] },
  ])
})

describe('endRun()', () => {
  const cancelled = new CancelledError('Ctrl-C')

  test('aborts what is in hand, and lets it give up', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }).start()
    await bench.emit(work, {})
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    await bench.idle()
    expect(bench.deliveries('test.work')).toMatchObject([
      { state: 'cancelled', attempts: [{ error: 'Ctrl-C' }] },
    ])
    expect(bench.told.at(-1)).toMatchObject({ type: 'test.given', data: { reason: 'Ctrl-C' } })
  })

  test('gives up what is waiting, the delayed too, without running it', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }, { concurrency: 1 })
    await bench.emit(work, {})
    await bench.emit(work, {})
    const inAnHour = { function: 'test.work', runAt: bench.clock.now() + 3_600_000 }
    await bench.bus.publish([owed('delayed', inAnHour, { type: work.type, data: {}, runid: 'run1' })])
    await bench.dispatcher.endRun('run1', cancelled)
    bench.start()
    await bench.idle()
    expect(wait.began).toEqual([])
    expect(states(bench, 'test.work')).toEqual(['cancelled', 'cancelled', 'cancelled'])
    expect(bench.types().filter((type) => type === 'test.given')).toHaveLength(3)
  })

  test('gives up what follows, but puts things in order, and neither aborts nor stops that', async () => {
    const tidied = gated(tidy, { always: true })
    const later = gated(next)
    const definition = defineFunction({
      on: work,
      emits: [tidy, next],
      run: (_, { signal }) => aborted(signal),
      giveUp: (_, { emit }) => {
        emit(tidy, {})
        emit(next, {})
      },
    })
    const bench = new Bench({
      'test.work': definition,
      'test.tidy': tidied.definition,
      'test.next': later.definition,
    }).start()
    await bench.emit(work, {})
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    await turns()
    expect(tidied.began).toEqual(['var'])
    await bench.dispatcher.endRun('run1', cancelled)
    tidied.open()
    await bench.idle()
    expect(states(bench, 'test.tidy')).toEqual(['done'])
    expect(states(bench, 'test.next')).toEqual(['cancelled'])
    expect(later.began).toEqual([])
  })

  test('leaves what stands beside the chain alone, in hand as well as waiting', async () => {
    const beside = gated(work, { aside: true })
    const bench = new Bench({ beside: beside.definition }, { concurrency: 1 }).start()
    await bench.emit(work, { source: 'a' })
    await bench.emit(work, { source: 'b' })
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    beside.open()
    await bench.idle()
    expect(beside.began).toEqual(['a', 'b'])
    expect(states(bench, 'beside')).toEqual(['done', 'done'])
  })

  test('leaves other runs alone', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }).start()
    await bench.emit(work, {}, 'run1')
    await bench.emit(work, {}, 'run2')
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    wait.open()
    await bench.idle()
    expect([states(bench, 'test.work', 'run1'), states(bench, 'test.work', 'run2')]).toEqual([
      ['cancelled'],
      ['done'],
    ])
  })

  test('with a TerminalError makes dead letters', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }).start()
    await bench.emit(work, {})
    await turns()
    await bench.dispatcher.endRun('run1', new TerminalError('interrupted'))
    await bench.idle()
    expect(states(bench, 'test.work')).toEqual(['dead'])
  })

  test('lets a function that ends well all the same be done, and gives up what it emitted', async () => {
    const gate = Promise.withResolvers<void>()
    const later = gated(next)
    const stubborn = defineFunction({
      on: work,
      emits: [next],
      async run(_, { emit }) {
        await gate.promise
        emit(next, {})
      },
    })
    const bench = new Bench({ 'test.work': stubborn, 'test.next': later.definition }).start()
    await bench.emit(work, {})
    await turns()
    await bench.dispatcher.endRun('run1', cancelled)
    gate.resolve()
    await bench.idle()
    expect([states(bench, 'test.work'), states(bench, 'test.next')]).toEqual([['done'], ['cancelled']])
  })
})

describe('a bus that fails', () => {
  const broken = new Error('disk I/O error')

  test('stops the dispatcher: it tells once, hands out nothing more, and leaves no one waiting', async () => {
    let failing = false
    let exchanges = 0
    const wait = gated()
    const bench = new Bench(
      { 'test.work': wait.definition },
      {
        between: (bus) =>
          withExchange(bus, (original) => async (turn) => {
            exchanges += 1
            if (failing) throw broken
            return original(turn)
          }),
      },
    ).start()
    await bench.emit(work, {})
    await turns()
    failing = true
    const idle = bench.idle()
    wait.open()
    await idle
    expect([bench.failure, bench.dispatcher.failed]).toEqual([broken, broken])
    const before = exchanges
    failing = false
    await bench.emit(work, {})
    await bench.clock.advance(100_000)
    expect(exchanges).toBe(before)
    // What had ended is not lost: it is there for the next process.
    expect(bench.bus.open().map(({ state }) => state)).toEqual(['claimed', 'ready'])
    await bench.dispatcher.stop()
  })

  test('is no reason to wait for ever: idle() answers after it too', async () => {
    const bench = new Bench(
      {},
      {
        between: (bus) => withExchange(bus, () => () => Promise.reject(broken)),
      },
    ).start()
    await turns()
    expect(bench.failure).toBe(broken)
    let answered = false
    void bench.idle().then(() => {
      answered = true
    })
    await turns()
    expect(answered).toBe(true)
  })
})

describe('a bus that can be relieved', () => {
  test('records once more what it could not record, and goes on', async () => {
    let failing = false
    const asked: string[] = []
    const wait = gated()
    const bench = new Bench(
      { 'test.work': wait.definition },
      {
        between: (bus) =>
          withExchange(bus, (original) => async (turn) => {
            if (failing) throw new Error('disk full')
            return original(turn)
          }),
        relieve: ({ message }) => {
          asked.push(message)
          failing = false
          return true
        },
      },
    ).start()
    await bench.emit(work, {})
    await turns()
    failing = true
    wait.open()
    await turns()
    expect(asked).toEqual(['disk full'])
    expect(bench.failure).toBeUndefined()
    expect(states(bench, 'test.work')).toEqual(['done'])
    expect(bench.told.map(({ type }) => type)).toEqual(['test.work', 'test.done'])
  })

  test('fails when it cannot be relieved any more', async () => {
    let left = 2
    const bench = new Bench(
      {},
      {
        between: (bus) => withExchange(bus, () => () => Promise.reject(new Error('disk full'))),
        relieve: () => left-- > 0,
      },
    ).start()
    await turns(10)
    expect([bench.failure?.message, left]).toEqual(['disk full', -1])
  })
})

test('abandon() aborts what is in hand, waits for it, and records nothing', async () => {
  const wait = gated()
  const bench = new Bench({ 'test.work': wait.definition }).start()
  await bench.emit(work, {})
  await turns()
  await bench.dispatcher.abandon(new TerminalError('the disk is full'))
  expect(states(bench, 'test.work')).toEqual(['claimed'])
})

describe('stop()', () => {
  test('waits for what is in hand, records it, and claims nothing more', async () => {
    const wait = gated()
    const bench = new Bench({ 'test.work': wait.definition }, { concurrency: 1 }).start()
    await bench.emit(work, { source: 'a' })
    await bench.emit(work, { source: 'b' })
    await turns()
    let stopped = false
    const stopping = bench.dispatcher.stop().then(() => {
      stopped = true
    })
    await turns()
    expect(stopped).toBe(false)
    wait.open()
    await stopping
    expect(states(bench, 'test.work')).toEqual(['done', 'ready'])
    expect(bench.types()).toEqual(['test.work', 'test.work', 'test.done'])
    await bench.clock.advance(100_000)
    expect(wait.began).toEqual(['a'])
  })

  test('waits for what the bus is about to hand out', async () => {
    const { definition, began, open } = gated()
    const bench = new Bench({ 'test.work': definition }, { between: slow }).start()
    await bench.emit(work, {})
    await turns(1)
    let stopped = false
    const stopping = bench.dispatcher.stop().then(() => {
      stopped = true
    })
    await turns(10)
    expect(stopped).toBe(began.length === 0)
    open()
    await stopping
    expect(began.length).toBe(bench.types().length - 1)
  })
})
