import { describe, expect, test } from 'vitest'
import { type Delivery, heldBack, unknownKey } from '../../runtime/core/bus/bus.ts'
import { attempt, type BusBench } from './bus-bench.ts'
import { event, owed } from './publication.ts'

/** What waits: for its time, for its key, for its run. See bus.ts. */
export function describeOrder(on: BusBench): void {
  const { reopen, exchange, claimOne, claimedIds, settle, stored } = on

  describe('a delayed delivery', () => {
    test('is not claimed before its time, of which the bus tells', async () => {
      await on.bus.publish([owed('later', { runAt: 70 }), owed('soon', { runAt: 50 })])
      const { claimed, nextAt } = await exchange({ now: 49 })
      expect([claimed, nextAt]).toEqual([[], 50])
      expect((await exchange({ now: 50 })).nextAt).toBe(70)
      expect((await exchange({ now: 70 })).nextAt).toBeNull()
    })

    test('comes from a retry too', async () => {
      await on.bus.publish([owed('a')])
      const delivery = await claimOne()
      const { nextAt } = await settle({ outcome: 'retry', delivery, attempt, runAt: 300 })
      expect(nextAt).toBe(300)
      expect(await claimedIds({ now: 299 })).toEqual([])
      expect((await claimOne(300)).tries).toBe(2)
    })

    test('is ready at once when its run is expedited; that of another run is not', async () => {
      await on.bus.publish([
        owed('a', { runAt: 500 }, { runid: 'run1' }),
        owed('b', { runAt: 500 }, { runid: 'run2' }),
      ])
      await on.bus.expedite('run1')
      expect(await claimedIds()).toEqual(['a'])
    })

    test('is not due at any time while it is held back, and is named as the next run', async () => {
      await on.bus.publish([
        owed('a', { runAt: heldBack }, { runid: 'run1' }),
        owed('b', {}, { runid: 'run2' }),
      ])
      await on.bus.holdBack('run2')
      reopen()
      expect(on.bus.heldRun()).toBe('run1')
      const { claimed, nextAt } = await exchange({ now: 8e15 })
      expect([claimed, nextAt]).toEqual([[], null])
      await on.bus.expedite('run1')
      expect(on.bus.heldRun()).toBe('run2')
      expect(await claimedIds()).toEqual(['a'])
    })
  })

  test('an event is found by its source and id', async () => {
    await on.bus.publish([owed('a')])
    expect(on.bus.find(event('a').source, 'a')).toEqual(event('a'))
    expect(on.bus.find(event('a').source, 'b')).toBeUndefined()
  })

  describe('a key', () => {
    test('that is computed after the claim gives the delivery back, which counts as no attempt', async () => {
      await on.bus.publish([owed('a', { key: unknownKey }), owed('b', { key: unknownKey })])
      const a = await claimOne()
      expect(a).toMatchObject({ key: unknownKey, event: { id: 'a' } })
      expect(await claimedIds()).toEqual([])
      await settle({ outcome: 'keyed', delivery: a, attempt, key: 'one', publications: [] })
      const [again, b] = (await exchange({})).claimed
      expect(again).toMatchObject({ key: 'one', tries: 1, event: { id: 'a' } })
      await settle({ outcome: 'keyed', delivery: b as Delivery, attempt, key: 'one', publications: [] })
      expect(await claimedIds()).toEqual([])
      await settle({ outcome: 'done', delivery: again as Delivery, attempt, publications: [] })
      expect(await claimedIds()).toEqual(['b'])
    })

    test('lets as many pass at a time as its limit says, in the order of their events', async () => {
      const publish = ['a', 'b', 'c', 'd'].map((id) => owed(id, { key: 'k', keyLimit: 2 }))
      await on.bus.publish(publish.slice(0, 3))
      const { claimed } = await exchange({ publish: publish.slice(3) })
      expect(claimed.map(({ event: { id } }) => id)).toEqual(['a', 'b'])
      const [a, b] = claimed as [Delivery, Delivery]
      await settle({ outcome: 'retry', delivery: a, attempt, runAt: 50 })
      expect(await claimedIds()).toEqual([])
      await settle({ outcome: 'done', delivery: b, attempt, publications: [] })
      expect(await claimedIds()).toEqual(['c'])
      expect(await claimedIds({ now: 50 })).toEqual(['a'])
    })

    test('that is computed after the claim comes with its limit', async () => {
      await on.bus.publish(['a', 'b', 'c'].map((id) => owed(id, { key: unknownKey })))
      const free: string[] = []
      for (const _ of ['a', 'b', 'c']) {
        const { claimed } = await exchange({ claim: 9 })
        const unknown = claimed.find(({ key }) => key === unknownKey) as Delivery
        free.push(...claimed.filter(({ key }) => key === 'k').map(({ event: { id } }) => id))
        await settle({
          outcome: 'keyed',
          delivery: unknown,
          attempt,
          key: 'k',
          keyLimit: 2,
          publications: [],
        })
      }
      expect([...free, ...(await claimedIds())]).toEqual(['a', 'b'])
    })

    test('that is free again when a run is taken back lets the next one pass', async () => {
      await on.bus.publish([
        owed('a', { key: 'k' }, { runid: 'run1' }),
        owed('b', { key: 'k' }, { runid: 'run2' }),
        owed('c', { key: 'k' }, { runid: 'run3' }),
      ])
      expect(await on.bus.revoke('run1', 'why', 1)).toBe(true)
      expect(await claimedIds()).toEqual(['b'])
    })

    test('lets deliveries of one function pass one at a time, in the order of their events', async () => {
      await on.bus.publish([owed('a', { key: 'k', runAt: 3 }), owed('b', { key: 'k', runAt: 1 })])
      expect(await claimedIds({ now: 1 })).toEqual([])
      const delivery = await claimOne(3)
      expect(delivery.event.id).toBe('a')
      expect(await claimedIds({ now: 3 })).toEqual([])
      await settle({ outcome: 'done', delivery, attempt, publications: [] })
      expect(await claimedIds({ now: 3 })).toEqual(['b'])
    })

    test('holds the later ones while an earlier one waits for its retry', async () => {
      await on.bus.publish([owed('a', { key: 'k' }), owed('b', { key: 'k' })])
      const delivery = await claimOne()
      await settle({ outcome: 'retry', delivery, attempt, runAt: 100 })
      expect(await claimedIds({ now: 99 })).toEqual([])
      expect(await claimedIds({ now: 100 })).toEqual(['a'])
    })

    test.each(['dead', 'cancelled'] as const)(
      'holds nothing any more when the earlier one is %s',
      async (outcome) => {
        await on.bus.publish([owed('a', { key: 'k' }), owed('b', { key: 'k' })])
        const delivery = await claimOne()
        await settle({ outcome, delivery, attempt, publications: [] })
        expect(await claimedIds()).toEqual(['b'])
      },
    )

    test('does not hold other keys, other functions, or deliveries without a key', async () => {
      await on.bus.publish([
        owed('a', { key: 'k' }),
        owed('b', { key: 'other' }),
        owed('c', { key: 'k', function: 'g' }),
        owed('d'),
        owed('e'),
      ])
      expect(await claimedIds()).toEqual(['a', 'b', 'c', 'd', 'e'])
    })
  })

  describe('a run that is withdrawn', () => {
    const held = (id: string, runid: string) => owed(id, { runAt: heldBack }, { runid })
    const end = { event: event('end', { runid: 'run1' }), deliveries: [{ function: 'g', runAt: 0 }] }

    test('is cancelled as a whole, and its end is on the bus', async () => {
      await on.bus.publish([held('a', 'run1'), held('b', 'run2')])
      expect(await on.bus.withdraw('run1', [end])).toBe(true)
      reopen()
      expect(on.bus.heldRun()).toBe('run2')
      expect(await claimedIds()).toEqual(['end'])
    })

    test('is none once it has begun, and none that is not there', async () => {
      await on.bus.publish([held('a', 'run1')])
      await on.bus.expedite('run1')
      expect(await on.bus.withdraw('run1', [end])).toBe(false)
      const delivery = await claimOne()
      expect(await on.bus.withdraw('run1', [end])).toBe(false)
      expect((await settle({ outcome: 'done', delivery, attempt, publications: [] })).settled).toEqual([true])
      expect(await on.bus.withdraw('run1', [end])).toBe(false)
      expect(await on.bus.withdraw('nobody', [end])).toBe(false)
      expect(stored()).toEqual(['a'])
    })
  })
}
