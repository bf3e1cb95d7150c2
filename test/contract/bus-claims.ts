import { describe, expect, test } from 'vitest'
import type { Delivery, Settlement } from '../../runtime/core/bus/bus.ts'
import { attempt, type BusBench, idsOf, leaseMs } from './bus-bench.ts'
import { event, owed } from './publication.ts'

/** Publishing, claiming and settling. See bus.ts. */
export function describeClaims(on: BusBench): void {
  const { reopen, exchange, claimOne, claimedIds, settle, stored } = on

  describe('publish()', () => {
    test('counts what it takes', async () => {
      expect(await on.bus.publish([owed('a'), owed('b')])).toEqual({ taken: [true, true] })
    })

    test('keeps an event with all that it carries', async () => {
      const whole = event('a', {
        subject: 'var',
        runid: 'run1',
        attempt: 7,
        parentid: 'p',
        traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
        data: { text: 'ä "quoted" \u0000 \u{1f4be}', list: [1, null, { deep: true }] },
      })
      await on.bus.publish([{ event: whole, deliveries: [] }])
      reopen()
      expect(on.bus.events({})).toEqual([whole])
    })

    test('takes an event of the same source and id only once, whatever else it says', async () => {
      await on.bus.publish([owed('a')])
      expect(await on.bus.publish([owed('a', { function: 'g' }), owed('b')])).toEqual({
        taken: [false, true],
      })
      expect(await on.bus.publish([owed('b'), owed('b')])).toEqual({ taken: [false, false] })
      expect(await claimedIds()).toEqual(['a', 'b'])
    })

    test('takes events of one id from two sources', async () => {
      await on.bus.publish([owed('a'), owed('a', {}, { source: '/elsewhere' })])
      expect(stored()).toEqual(['a', 'a'])
    })

    test('owes an event to each of its functions', async () => {
      const deliveries = [
        { function: 'f', runAt: 0 },
        { function: 'g', runAt: 0 },
      ]
      await on.bus.publish([{ event: event('a'), deliveries }])
      const { claimed } = await exchange()
      expect(claimed.map((delivery) => delivery.function)).toEqual(['f', 'g'])
      expect(claimed[0]?.token).not.toBe(claimed[1]?.token)
    })

    test('takes all or nothing', async () => {
      const twice = [
        { function: 'f', runAt: 0 },
        { function: 'f', runAt: 0 },
      ]
      await expect(on.bus.publish([owed('a'), { event: event('b'), deliveries: twice }])).rejects.toThrow()
      expect(stored()).toEqual([])
      expect(on.bus.open()).toEqual([])
    })
  })

  describe('a claim', () => {
    test('is durable, and belongs to its claimant until the lease ends', async () => {
      await on.bus.publish([owed('a')])
      await claimOne()
      reopen()
      expect(await claimedIds({ now: leaseMs - 1 })).toEqual([])
      expect(await claimedIds({ now: leaseMs })).toEqual(['a'])
    })

    test('counts as a try, and so does the next one after a crash', async () => {
      await on.bus.publish([owed('a')])
      expect((await claimOne(0)).tries).toBe(1)
      expect((await claimOne(leaseMs)).tries).toBe(2)
      expect(on.bus.open()).toMatchObject([{ tries: 2, state: 'claimed' }])
    })

    test('takes no more than it is asked for, what has waited longest first', async () => {
      await on.bus.publish([owed('late', { runAt: 5 }), owed('b', { runAt: 2 }), owed('c', { runAt: 2 })])
      expect(await claimedIds({ now: 5, claim: 2 })).toEqual(['b', 'c'])
      expect(await claimedIds({ now: 5, claim: 0 })).toEqual([])
      expect(await claimedIds({ now: 5 })).toEqual(['late'])
    })

    test('takes of each lane as many as it is asked for, whatever waits in the others', async () => {
      const ids = (id: string) => [1, 2, 3].map((n) => id + n)
      await on.bus.publish([
        ...ids('g').map((id) => owed(id, { lane: 'guest' })),
        ...ids('a').map((id) => owed(id, { lane: 'aside' })),
        ...ids('c').map((id) => owed(id)),
      ])
      const claimBeside = { aside: 1, guest: 0 }
      expect(await claimedIds({ claim: 2, claimBeside })).toEqual(['c1', 'c2', 'a1'])
      expect(await claimedIds({ claim: 0, claimBeside: { aside: 0, guest: 2 } })).toEqual(['g1', 'g2'])
      const { claimed, nextAt } = await exchange({ claim: 9, claimBeside: { aside: 9, guest: 9 } })
      expect(claimed.map(({ event: { id }, lane }) => `${lane} ${id}`)).toEqual([
        'chain c3',
        'aside a2',
        'aside a3',
        'guest g3',
      ])
      expect(nextAt).toBeNull()
    })

    test('of several takes one of each key, and all that have none, in their order', async () => {
      await on.bus.publish([
        owed('k1', { key: 'k' }),
        owed('k2', { key: 'k' }),
        owed('late', { runAt: 2 }),
        owed('l1', { key: 'l', runAt: 1 }),
        owed('none'),
      ])
      expect(await claimedIds({ now: 2 })).toEqual(['k1', 'none', 'l1', 'late'])
    })

    test('renewed before it ends holds for another lease', async () => {
      await on.bus.publish([owed('a')])
      const delivery = await claimOne()
      expect((await exchange({ now: 900, renew: [delivery] })).renewed).toEqual([true])
      expect(await claimedIds({ now: 900 + leaseMs - 1 })).toEqual([])
      expect(await claimedIds({ now: 900 + leaseMs })).toEqual(['a'])
    })

    test('taken over by another cannot be renewed', async () => {
      await on.bus.publish([owed('a')])
      const lost = await claimOne(0)
      await claimOne(leaseMs)
      expect((await exchange({ now: leaseMs, renew: [lost] })).renewed).toEqual([false])
    })
  })

  describe('publish in a turn', () => {
    test('takes events before it claims, and tells of each whether it was taken', async () => {
      await on.bus.publish([owed('a')])
      const { claimed, taken } = await exchange({ publish: [owed('b'), owed('a')] })
      expect(taken).toEqual([true, false])
      expect(idsOf(claimed)).toEqual(['a', 'b'])
      reopen()
      expect(stored()).toEqual(['a', 'b'])
    })

    test('comes after what is settled', async () => {
      await on.bus.publish([owed('a')])
      const delivery = await claimOne()
      const done: Settlement = { outcome: 'done', delivery, attempt, publications: [owed('b')] }
      await exchange({ settle: [done], publish: [owed('c')] })
      expect(stored()).toEqual(['a', 'b', 'c'])
    })

    test('claims what comes with it in one go, as durably and as firmly as by any claim', async () => {
      const { claimed } = await exchange({ publish: [owed('a')] })
      expect(claimed).toMatchObject([{ function: 'f', tries: 1, generation: 0, event: event('a') }])
      reopen()
      expect(on.bus.open()).toMatchObject([{ eventId: 'a', state: 'claimed', tries: 1 }])
      expect(await claimedIds({ now: leaseMs - 1 })).toEqual([])
      expect(await claimOne(leaseMs)).toMatchObject({ tries: 2 })
      const late: Settlement = {
        outcome: 'done',
        delivery: claimed[0] as Delivery,
        attempt,
        publications: [],
      }
      expect((await settle(late)).settled).toEqual([false])
    })

    test('claims in the order of time, and no more than it is asked for', async () => {
      const publish = [owed('later', { runAt: 9 }), owed('late', { runAt: 3 }), owed('a'), owed('b')]
      const { claimed, nextAt } = await exchange({ now: 5, publish, claim: 3 })
      expect([idsOf(claimed), nextAt]).toEqual([['a', 'b', 'late'], 9])
      expect(await claimedIds({ now: 5, publish: [owed('c'), owed('d')], claim: 1 })).toEqual(['c'])
      expect(await claimedIds({ now: 5, publish: [owed('e')] })).toEqual(['d', 'e'])
    })

    test('claims nothing before what was due when it came, be it by a lease that ran out', async () => {
      await on.bus.publish([owed('a'), owed('b', { runAt: 4 })])
      await claimOne()
      const { claimed } = await exchange({ now: leaseMs, publish: [owed('c')], claim: 2 })
      expect(idsOf(claimed)).toEqual(['a', 'c'])
    })

    test('claims one of a key, and the next one with what ends it', async () => {
      const publish = ['a', 'b'].map((id) => owed(id, { key: 'k' }))
      const { claimed } = await exchange({ publish: [...publish, owed('other', { key: 'l' })] })
      expect(idsOf(claimed)).toEqual(['a', 'other'])
      const done = (delivery = claimed[0] as Delivery): Settlement => {
        return { outcome: 'done', delivery, attempt, publications: [owed('c', { key: 'k' })] }
      }
      const next = await exchange({ settle: [done()] })
      expect(idsOf(next.claimed)).toEqual(['b'])
      expect(idsOf((await exchange({ settle: [done(next.claimed[0])] })).claimed)).toEqual(['c'])
    })

    test('claims what comes in one lane while older ones wait in another', async () => {
      await on.bus.publish([owed('old', { lane: 'guest' })])
      const publish = [owed('a', { lane: 'guest' }), owed('b')]
      expect(await claimedIds({ publish })).toEqual(['b'])
      expect(await claimedIds({ claimBeside: { aside: 0, guest: 9 } })).toEqual(['old', 'a'])
    })

    test('tells when the next one is due, of whatever lane', async () => {
      await on.bus.publish([owed('a', { lane: 'guest', runAt: 70 }), owed('b', { lane: 'aside', runAt: 60 })])
      expect((await exchange({ now: 1 })).nextAt).toBe(60)
      expect((await exchange({ now: 1, publish: [owed('c', { runAt: 65 })] })).nextAt).toBe(60)
      expect((await exchange({ now: 60, publish: [owed('d')] })).nextAt).toBe(65)
    })

    test('takes all or nothing, and with it all that is in the turn', async () => {
      await on.bus.publish([owed('a')])
      const delivery = await claimOne()
      const deliveries = [
        { function: 'f', runAt: 0 },
        { function: 'f', runAt: 0 },
      ]
      const done: Settlement = { outcome: 'done', delivery, attempt, publications: [owed('b')] }
      const broken = { event: event('d'), deliveries }
      await expect(exchange({ settle: [done], publish: [owed('c'), broken] })).rejects.toThrow()
      expect(stored()).toEqual(['a'])
      expect(on.bus.open()).toMatchObject([{ state: 'claimed' }])
    })
  })

  describe('a settlement', () => {
    test('records the end and what follows in one go', async () => {
      await on.bus.publish([owed('a')])
      const delivery = await claimOne()
      const publications = [owed('b'), owed('c')]
      const result = await exchange({ settle: [{ outcome: 'done', delivery, attempt, publications }] })
      expect(result.settled).toEqual([true])
      expect(idsOf(result.claimed)).toEqual(['b', 'c'])
      reopen()
      expect(stored()).toEqual(['a', 'b', 'c'])
    })

    test.each(['done', 'dead', 'cancelled'] as const)(
      'as %s ends the delivery, and publishes what it emits',
      async (outcome) => {
        await on.bus.publish([owed('a')])
        const delivery = await claimOne()
        await settle({ outcome, delivery, attempt, publications: [owed('b')] })
        expect(await claimedIds({ now: 1e15 })).toEqual(['b'])
      },
    )

    test.each(['done', 'retry', 'dead', 'cancelled'] as const)(
      'as %s with a token that is no longer in force changes and emits nothing',
      async (outcome) => {
        await on.bus.publish([owed('a')])
        const delivery = await claimOne(0)
        const current = await claimOne(leaseMs)
        const late: Settlement = { outcome, delivery, attempt, publications: [owed('b')], runAt: 0 }
        expect((await settle(late)).settled).toEqual([false])
        expect(stored()).toEqual(['a'])
        expect(on.bus.open()).toMatchObject([{ state: 'claimed', tries: 2 }])
        const good: Settlement = { outcome: 'done', delivery: current, attempt, publications: [] }
        expect((await settle(good)).settled).toEqual([true])
      },
    )

    test('counts once, and emits once, however often it is sent', async () => {
      await on.bus.publish([owed('a')])
      const delivery = await claimOne()
      const done: Settlement = { outcome: 'done', delivery, attempt, publications: [owed('b')] }
      expect((await settle(done, done)).settled).toEqual([true, false])
      expect((await settle(done)).settled).toEqual([false])
      expect(stored()).toEqual(['a', 'b'])
    })

    test('of two with one that fails leaves no trace of either', async () => {
      await on.bus.publish([owed('a'), owed('b')])
      const [first, second] = (await exchange()).claimed as [Delivery, Delivery]
      const deliveries = [
        { function: 'f', runAt: 0 },
        { function: 'f', runAt: 0 },
      ]
      const broken = { event: event('d'), deliveries }
      await expect(
        settle(
          { outcome: 'done', delivery: first, attempt, publications: [owed('c')] },
          { outcome: 'done', delivery: second, attempt, publications: [broken] },
        ),
      ).rejects.toThrow()
      expect(stored()).toEqual(['a', 'b'])
      expect(on.bus.open().map(({ state }) => state)).toEqual(['claimed', 'claimed'])
    })

    test('may emit what is already there, which is not taken a second time', async () => {
      await on.bus.publish([owed('a'), owed('b')])
      const delivery = await claimOne()
      await settle({ outcome: 'done', delivery, attempt, publications: [owed('b')] })
      expect(stored()).toEqual(['a', 'b'])
      expect(await claimedIds()).toEqual(['b'])
    })
  })
}
