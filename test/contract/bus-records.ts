import { describe, expect, test } from 'vitest'
import type { Delivery, EventBus, Settlement } from '../../runtime/core/bus/bus.ts'
import { Child } from '../unit/child.ts'
import { attempt, type BusBench, eventTime } from './bus-bench.ts'
import { event, owed } from './publication.ts'

/** Dead letters, crashes, and what can be looked up. See bus.ts. */
export function describeRecords(on: BusBench): void {
  const { reopen, exchange, claimOne, claimedIds, settle, stored } = on

  describe('a dead letter', () => {
    async function bury(publication = owed('a')): Promise<Delivery> {
      await on.bus.publish([publication])
      const delivery = await claimOne()
      await settle({ outcome: 'dead', delivery, attempt, publications: [] })
      return delivery
    }

    test('that is redriven is ready again, its tries counted from the start', async () => {
      const { id } = await bury()
      expect(await on.bus.redrive(id)).toBe(true)
      reopen()
      expect(on.bus.open()).toMatchObject([{ id, state: 'ready', tries: 0, runAt: 0 }])
      expect(await claimOne()).toMatchObject({ id, tries: 1, generation: 1, event: { id: 'a' } })
    })

    test('can be redriven as often as it dies', async () => {
      const { id, generation } = await bury()
      expect(generation).toBe(0)
      for (const round of [1, 2, 3]) {
        expect(await on.bus.redrive(id)).toBe(true)
        const delivery = await claimOne()
        expect(delivery.generation).toBe(round)
        await settle({ outcome: 'dead', delivery, attempt, publications: [] })
      }
    })

    test('that is redriven is fenced off from its earlier rounds', async () => {
      const delivery = await bury()
      await on.bus.redrive(delivery.id)
      await claimOne()
      const late: Settlement = { outcome: 'done', delivery, attempt, publications: [owed('b')] }
      expect((await settle(late)).settled).toEqual([false])
      expect(stored()).toEqual(['a'])
    })

    test('is not redriven twice, nor is what is ready, in hand, done or unknown', async () => {
      const { id } = await bury()
      await on.bus.redrive(id)
      expect(await on.bus.redrive(id)).toBe(false)
      const delivery = await claimOne()
      expect(await on.bus.redrive(id)).toBe(false)
      await settle({ outcome: 'done', delivery, attempt, publications: [] })
      expect(await on.bus.redrive(id)).toBe(false)
      expect(await on.bus.redrive(4711)).toBe(false)
      expect(await claimedIds({ now: 1e15 })).toEqual([])
    })

    test('that is redriven waits for what is in hand of its key, though that came later', async () => {
      const { id } = await bury(owed('a', { key: 'k' }))
      await on.bus.publish([owed('b', { key: 'k' }), owed('c', { key: 'k' })])
      const delivery = await claimOne()
      expect(delivery.event.id).toBe('b')
      await on.bus.redrive(id)
      expect(await claimedIds()).toEqual([])
      await settle({ outcome: 'done', delivery, attempt, publications: [] })
      expect(await claimedIds()).toEqual(['a'])
    })

    test('that is replaced is one no more, and the event in its place is on the bus', async () => {
      const { id } = await bury()
      expect(await on.bus.replace([id], owed('b'))).toBe(true)
      expect(await on.bus.redrive(id)).toBe(false)
      expect(await on.bus.replace([id], owed('c'))).toBe(false)
      reopen()
      expect(await claimedIds()).toEqual(['b'])
    })

    test('is not replaced beside one that is none: all or nothing', async () => {
      const { id } = await bury()
      expect(await on.bus.replace([id, 4711], owed('b'))).toBe(false)
      expect(stored()).toEqual(['a'])
      expect(await on.bus.redrive(id)).toBe(true)
    })
  })

  test('reclaim() makes what is claimed ready again, fences off its claimants, and names it', async () => {
    await on.bus.publish([owed('a'), owed('b'), owed('c', { runAt: 9 })])
    const [first] = (await exchange()).claimed as [Delivery]
    reopen()
    const orphans = await on.bus.reclaim('the power went', eventTime)
    expect(orphans.map(({ event: { id }, tries }) => [id, tries])).toEqual([
      ['a', 1],
      ['b', 1],
    ])
    const late: Settlement = { outcome: 'done', delivery: first, attempt, publications: [owed('d')] }
    expect((await settle(late)).settled).toEqual([false])
    expect((await exchange()).claimed.map(({ tries }) => tries)).toEqual([2, 2])
    expect(await on.bus.reclaim('again', eventTime)).toHaveLength(2)
  })

  test('open() names what is owed, of one run or of all', async () => {
    await on.bus.publish([
      owed('a', {}, { runid: 'run1' }),
      owed('b', { runAt: 50 }, { runid: 'run1' }),
      owed('c', {}, { runid: 'run2' }),
    ])
    const delivery = await claimOne()
    expect(on.bus.open('run1')).toEqual([
      { id: delivery.id, function: 'f', eventId: 'a', state: 'claimed', tries: 1, runAt: 0 },
      { id: expect.any(Number), function: 'f', eventId: 'b', state: 'ready', tries: 0, runAt: 50 },
    ])
    expect(on.bus.open()).toHaveLength(3)
    await settle({ outcome: 'done', delivery, attempt, publications: [] })
    expect(on.bus.open('run1').map(({ eventId }) => eventId)).toEqual(['b'])
    expect(on.bus.open('nobody')).toEqual([])
  })

  test('events() finds by run, types, subject and time, in the order in which they came or the other way', async () => {
    const at = (minute: number) => `2026-11-22T02:0${minute}:00.000Z`
    const all = [
      event('1', { runid: 'run1', type: 'x.a', subject: 'var', time: at(1) }),
      event('2', { runid: 'run1', type: 'x.b', subject: 'var', time: at(4) }),
      event('3', { runid: 'run2', type: 'x.a', subject: 'var', time: at(2) }),
      event('4', { runid: 'run1', type: 'x.a', subject: 'home', time: at(3) }),
    ]
    await on.bus.publish(all.map((one) => ({ event: one, deliveries: [] })))
    const found = (filter: Parameters<EventBus['events']>[0]) => on.bus.events(filter).map(({ id }) => id)
    expect(found({})).toEqual(['1', '2', '3', '4'])
    expect(found({ runId: 'run1' })).toEqual(['1', '2', '4'])
    expect(found({ types: ['x.a'] })).toEqual(['1', '3', '4'])
    expect(found({ types: ['x.a', 'x.b'], subject: 'var' })).toEqual(['1', '2', '3'])
    expect(found({ runId: 'run1', types: ['x.a'], subject: 'home' })).toEqual(['4'])
    expect(found({ types: [] })).toEqual([])
    expect(found({ since: at(3) })).toEqual(['2', '4'])
    expect(found({ since: at(2), types: ['x.a'] })).toEqual(['3', '4'])
    expect(found({ newestFirst: true, limit: 2 })).toEqual(['4', '3'])
    expect(found({ limit: 1 })).toEqual(['1'])
  })

  test('events() and open() find each one once, however many there are and in whatever pieces they come', async () => {
    const ids = Array.from({ length: 700 }, (_, n) => String(n))
    const runOf = (id: string) => `run${Number(id) % 3}`
    const typeOf = (id: string) => `x.${Number(id) % 2}`
    for (let from = 0, size = 1; from < ids.length; from += size, size += 7) {
      const some = ids.slice(from, from + size)
      await on.bus.publish(some.map((id) => owed(id, {}, { runid: runOf(id), type: typeOf(id) })))
      const there = ids.slice(0, from + size)
      const found = (filter: Parameters<EventBus['events']>[0]) => on.bus.events(filter).map(({ id }) => id)
      expect(found({ runId: 'run1' })).toEqual(there.filter((id) => runOf(id) === 'run1'))
      expect(found({ types: ['x.1'], newestFirst: true })).toEqual(
        there.filter((id) => typeOf(id) === 'x.1').toReversed(),
      )
      expect(on.bus.open('run2').map(({ eventId }) => eventId)).toEqual(
        there.filter((id) => runOf(id) === 'run2'),
      )
    }
  })

  describe('beside another process', () => {
    const other = (...task: string[]) =>
      new Child(new URL('worker.ts', import.meta.url), on.opener.href, on.directory, ...task)

    test('watch() hears of what that one publishes', async () => {
      const heard = new Promise<void>((resolve) => {
        const stop = on.bus.watch(() => {
          stop()
          resolve()
        })
      })
      other('publish', 'news')
      await heard
      expect(await claimedIds()).toEqual(['news'])
    })

    test('nothing that was answered for is lost when that one is killed', async () => {
      const child = other('chain')
      await child.printed(100)
      await child.kill()
      const acknowledged = child.lines
      expect(stored()).toEqual(expect.arrayContaining(acknowledged))
      // At most the one that was on its way when the end came.
      expect(stored().length - acknowledged.length).toBeLessThanOrEqual(1)
      expect(on.bus.open().map(({ eventId }) => eventId)).toEqual(stored().slice(-1))
      await on.bus.reclaim('killed', eventTime)
      expect(await claimedIds()).toEqual(stored().slice(-1))
    })
  })
}
