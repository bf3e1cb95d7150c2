import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { defineEvent } from '../../../../events/index.ts'
import { defineFunction } from '../../../../runtime/backup/function.ts'
import type { EventBus } from '../../../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../runtime/core/bus/sqlite/database.ts'
import type { FunctionDefinition } from '../../../../runtime/core/function.ts'
import { owed } from '../../../contract/publication.ts'
import { turns } from '../../manual-clock.ts'
import { Bench } from '../backup/bench.ts'
import { done, next, work } from '../backup/events.ts'
import { gated, slow, withExchange } from '../backup/gated.ts'

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

test('what is published is in hand after one commit', async () => {
  let exchanges = 0
  const wait = gated()
  const between = (bus: EventBus) =>
    withExchange(bus, (original) => (turn) => {
      exchanges += 1
      return original(turn)
    })
  const bench = new Bench({ 'test.work': wait.definition }, { between }).start()
  await turns()
  const before = exchanges
  await Promise.all([bench.emit(work, { source: 'a' }), bench.emit(work, { source: 'b' })])
  expect(bench.dispatcher.inHand).toBe(2)
  expect(exchanges).toBe(before + 1)
  wait.open()
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
