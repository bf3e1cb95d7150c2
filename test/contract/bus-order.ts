import { describe, expect, test } from 'vitest'
import { type Delivery, heldBack, unknownKey } from '../../runtime/core/bus/bus.ts'
import { attempt, type BusBench, eventTime } from './bus-bench.ts'
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

  describe('a delivery that is put off', () => {
    const at = (ms: number) => ({ time: new Date(eventTime + ms).toISOString() })
    const putOff = { key: 'k', putOff: { waitMs: 30, longestMs: 100 } }
    const now = (ms: number) => ({ now: eventTime + ms })

    test('waits until no later one has come for so long, and is the only one left', async () => {
      await on.bus.publish([owed('a', putOff, at(0)), owed('other', { ...putOff, key: 'l' }, at(0))])
      expect((await exchange({ ...now(0), publish: [owed('b', putOff, at(20))] })).claimed).toEqual([])
      reopen()
      expect(await claimedIds(now(49))).toEqual(['other'])
      expect(await claimedIds(now(50))).toEqual(['b'])
      // What is in hand is not put off any more: the next one begins anew.
      await on.bus.publish([owed('c', putOff, at(60))])
      expect(on.bus.open().map(({ eventId, runAt }) => [eventId, runAt - eventTime])).toEqual([
        ['other', 30],
        ['b', 50],
        ['c', 90],
      ])
    })

    test('is so at most for the longest time from the first on', async () => {
      for (const ms of [0, 25, 50, 75, 99]) await on.bus.publish([owed(`at${ms}`, putOff, at(ms))])
      expect(await claimedIds(now(99))).toEqual([])
      expect(await claimedIds(now(100))).toEqual(['at99'])
    })

    test('waits for what is in hand of its key as well', async () => {
      await on.bus.publish([owed('a', putOff, at(0))])
      const a = await claimOne(eventTime + 30)
      await on.bus.publish([owed('b', putOff, at(40)), owed('c', putOff, at(50))])
      expect(await claimedIds(now(200))).toEqual([])
      await settle({ outcome: 'done', delivery: a, attempt, publications: [] })
      expect(await claimedIds(now(200))).toEqual(['c'])
    })

    test('is so from the moment at which its key is known', async () => {
      await on.bus.publish(['a', 'b'].map((id) => owed(id, { key: unknownKey }, at(0))))
      for (const ms of [10, 20]) {
        const delivery = await claimOne(eventTime + ms)
        const known = { startedAt: 0, endedAt: eventTime + ms }
        await settle({ outcome: 'keyed', delivery, attempt: known, ...putOff, publications: [] })
      }
      expect(await claimedIds(now(49))).toEqual([])
      expect((await claimOne(eventTime + 50)).event.id).toBe('b')
      expect(on.bus.open()).toHaveLength(1)
    })

    test('keeps a later time that it was given, and the turn of its run', async () => {
      await on.bus.publish([
        owed('later', { ...putOff, runAt: eventTime + 500 }, at(0)),
        owed('held', { ...putOff, key: 'l', runAt: heldBack }, at(0)),
      ])
      expect(on.bus.open().map(({ runAt }) => runAt)).toEqual([eventTime + 500, heldBack])
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

    test('that is busy ends what comes with `skip`, and not what has room', async () => {
      const skips = { key: 'k', keyLimit: 2, onBusy: 'skip' as const }
      await on.bus.publish(['a', 'b', 'c'].map((id) => owed(id, skips)))
      expect(on.bus.open()).toHaveLength(2)
      const { claimed } = await exchange({ publish: [owed('d', skips), owed('e', { ...skips, key: 'l' })] })
      expect(claimed.map(({ event: { id } }) => id)).toEqual(['a', 'b', 'e'])
      await settle({ outcome: 'done', delivery: claimed[0] as Delivery, attempt, publications: [] })
      await on.bus.publish([owed('f', skips), owed('g', skips)])
      expect(await claimedIds()).toEqual(['f'])
      expect(on.bus.open()).toHaveLength(3)
    })

    test('that is busy keeps with `replace` the newest alone of what waits behind it', async () => {
      const replaces = { key: 'k', onBusy: 'replace' as const }
      await on.bus.publish(['a', 'b', 'c'].map((id) => owed(id, replaces)))
      const a = await claimOne()
      await exchange({ claim: 0, publish: [owed('d', replaces)] })
      reopen()
      expect(on.bus.open().map(({ eventId }) => eventId)).toEqual(['a', 'd'])
      await settle({ outcome: 'retry', delivery: a, attempt, runAt: 50 })
      await on.bus.publish([owed('e', replaces)])
      expect(await claimedIds()).toEqual([])
      const again = await claimOne(50)
      await settle({ outcome: 'done', delivery: again, attempt, publications: [] })
      expect(await claimedIds()).toEqual(['e'])
    })

    test('that is computed after the claim, and busy then, ends the delivery with `skip`', async () => {
      await on.bus.publish(['a', 'b', 'c'].map((id) => owed(id, { key: unknownKey })))
      const skips = {
        outcome: 'keyed' as const,
        key: 'k',
        onBusy: 'skip' as const,
        publications: [],
        attempt,
      }
      await settle({ ...skips, delivery: await claimOne() })
      const [a, b] = (await exchange({})).claimed as [Delivery, Delivery]
      expect([a.event.id, b.event.id, b.key]).toEqual(['a', 'b', unknownKey])
      expect((await settle({ ...skips, delivery: b })).settled).toEqual([true])
      expect((await settle({ ...skips, delivery: b })).settled).toEqual([false])
      const c = await claimOne()
      await settle({ ...skips, delivery: c, key: 'l' })
      expect(await claimedIds()).toEqual(['c'])
      expect(on.bus.open().map(({ eventId }) => eventId)).toEqual(['a', 'c'])
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

  test('a run that is held back until a moment lets others have their turn, and has its own from then on, or sooner where that is said', async () => {
    const held = (id: string, runid: string) => owed(id, { runAt: heldBack }, { runid })
    await on.bus.publish([held('a', 'run1'), held('b', 'run2')])
    await on.bus.holdBack('run1', 100)
    expect(on.bus.heldRun()).toBe('run2')
    expect(on.bus.heldRuns().sort()).toEqual(['run1', 'run2'])
    expect(await claimedIds({ now: 1000 })).toEqual([])
    expect(on.bus.ripen(99)).toBe(100)
    expect(on.bus.heldRun()).toBe('run2')
    expect(on.bus.ripen(100)).toBeUndefined()
    expect(on.bus.heldRun()).toBe('run1')
    await on.bus.holdBack('run1', 200)
    await on.bus.holdBack('run1')
    expect(on.bus.heldRun()).toBe('run1')
    await on.bus.expedite('run1')
    expect(await claimedIds({ now: 101 })).toEqual(['a'])
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
