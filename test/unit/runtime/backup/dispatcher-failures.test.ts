import { describe, expect, test } from 'vitest'
import { TerminalError } from '../../../../runtime/errors.ts'
import { event, owed } from '../../../contract/publication.ts'
import { turns } from '../../manual-clock.ts'
import { Bench } from './bench.ts'
import { work } from './events.ts'
import { gated, slow, states, withExchange } from './gated.ts'

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

test('what the bus refuses is told to who asked for it, and what ended meanwhile is recorded all the same', async () => {
  const wait = gated()
  const bench = new Bench({ 'test.work': wait.definition }).start()
  await bench.emit(work, {})
  await turns()
  const twice = [
    { function: 'test.work', runAt: 0 },
    { function: 'test.work', runAt: 0 },
  ]
  wait.open()
  const refused = bench.dispatcher.publish([{ event: event('bad'), deliveries: twice }])
  await expect(refused).rejects.toThrow('owed to one function twice')
  await bench.idle()
  expect(bench.failure).toBeUndefined()
  expect(states(bench, 'test.work')).toEqual(['done'])
  expect(bench.told.map(({ type }) => type)).toEqual(['test.work', 'test.done'])
})

test('what is published while the bus breaks is answered', async () => {
  const bench = new Bench(
    {},
    { between: (bus) => withExchange(bus, () => () => Promise.reject(new Error('broken'))) },
  )
  bench.start()
  const refused = bench.dispatcher.publish([owed('a')])
  await expect(refused).rejects.toThrow('broken')
  await turns()
  expect(bench.failure?.message).toBe('broken')
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
