import { beforeEach, describe, expect, test } from 'vitest'
import {
  type Delivery,
  type EventBus,
  heldBack,
  type Settlement,
  type Turn,
  type TurnResult,
} from '../../runtime/bus/bus.ts'
import { Child } from '../unit/child.ts'
import { temporaryFolder } from '../unit/temporary-folder.ts'
import { event, owed } from './publication.ts'

const leaseMs = 1000
/** Of the events of publication.ts. */
const eventTime = Date.UTC(2026, 0, 1)
const attempt = { startedAt: 10, endedAt: 20 }

/**
 * What every bus promises; see runtime/bus/bus.ts.
 * @param open Opens the bus that lies in a folder, or makes it.
 * @param opener The module that exports `open`, for other processes.
 */
export function describeBus(name: string, open: (directory: string) => EventBus, opener: URL): void {
  describe(`${name}, as an event bus`, () => {
    let directory: string
    let bus: EventBus

    beforeEach(({ onTestFinished }) => {
      directory = temporaryFolder()
      bus = open(directory)
      onTestFinished(() => bus.close())
    })

    function reopen(): void {
      bus.close()
      bus = open(directory)
    }

    function exchange(turn: Partial<Turn> = {}): Promise<TurnResult> {
      return bus.exchange({ now: 0, renew: [], settle: [], claim: 100, leaseMs, ...turn })
    }

    /** Claims what is ready, one at most. */
    async function claimOne(now = 0): Promise<Delivery> {
      const { claimed } = await exchange({ now, claim: 1 })
      if (!claimed[0]) throw new Error('nothing is ready')
      return claimed[0]
    }

    async function claimedIds(turn: Partial<Turn> = {}): Promise<string[]> {
      return idsOf((await exchange(turn)).claimed)
    }

    function settle(...settle: Settlement[]): Promise<TurnResult> {
      return exchange({ settle, claim: 0 })
    }

    function stored(): string[] {
      return bus.events({}).map(({ id }) => id)
    }

    describe('publish()', () => {
      test('counts what it takes', async () => {
        expect(await bus.publish([owed('a'), owed('b')])).toEqual({ taken: [true, true] })
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
        await bus.publish([{ event: whole, deliveries: [] }])
        reopen()
        expect(bus.events({})).toEqual([whole])
      })

      test('takes an event of the same source and id only once, whatever else it says', async () => {
        await bus.publish([owed('a')])
        expect(await bus.publish([owed('a', { function: 'g' }), owed('b')])).toEqual({
          taken: [false, true],
        })
        expect(await bus.publish([owed('b'), owed('b')])).toEqual({ taken: [false, false] })
        expect(await claimedIds()).toEqual(['a', 'b'])
      })

      test('takes events of one id from two sources', async () => {
        await bus.publish([owed('a'), owed('a', {}, { source: '/elsewhere' })])
        expect(stored()).toEqual(['a', 'a'])
      })

      test('owes an event to each of its functions', async () => {
        const deliveries = [
          { function: 'f', runAt: 0 },
          { function: 'g', runAt: 0 },
        ]
        await bus.publish([{ event: event('a'), deliveries }])
        const { claimed } = await exchange()
        expect(claimed.map((delivery) => delivery.function)).toEqual(['f', 'g'])
        expect(claimed[0]?.token).not.toBe(claimed[1]?.token)
      })

      test('takes all or nothing', async () => {
        const twice = [
          { function: 'f', runAt: 0 },
          { function: 'f', runAt: 0 },
        ]
        await expect(bus.publish([owed('a'), { event: event('b'), deliveries: twice }])).rejects.toThrow()
        expect(stored()).toEqual([])
        expect(bus.open()).toEqual([])
      })
    })

    describe('a claim', () => {
      test('is durable, and belongs to its claimant until the lease ends', async () => {
        await bus.publish([owed('a')])
        await claimOne()
        reopen()
        expect(await claimedIds({ now: leaseMs - 1 })).toEqual([])
        expect(await claimedIds({ now: leaseMs })).toEqual(['a'])
      })

      test('counts as a try, and so does the next one after a crash', async () => {
        await bus.publish([owed('a')])
        expect((await claimOne(0)).tries).toBe(1)
        expect((await claimOne(leaseMs)).tries).toBe(2)
        expect(bus.open()).toMatchObject([{ tries: 2, state: 'claimed' }])
      })

      test('takes no more than it is asked for, what has waited longest first', async () => {
        await bus.publish([owed('late', { runAt: 5 }), owed('b', { runAt: 2 }), owed('c', { runAt: 2 })])
        expect(await claimedIds({ now: 5, claim: 2 })).toEqual(['b', 'c'])
        expect(await claimedIds({ now: 5, claim: 0 })).toEqual([])
        expect(await claimedIds({ now: 5 })).toEqual(['late'])
      })

      test('passes over functions that are to get nothing now', async () => {
        await bus.publish([owed('a', { function: 'g' }), owed('b'), owed('c', { function: 'h' })])
        expect(await claimedIds({ claimExcept: ['g', 'h'] })).toEqual(['b'])
        expect(await claimedIds()).toEqual(['a', 'c'])
      })

      test('renewed before it ends holds for another lease', async () => {
        await bus.publish([owed('a')])
        const delivery = await claimOne()
        expect((await exchange({ now: 900, renew: [delivery] })).renewed).toEqual([true])
        expect(await claimedIds({ now: 900 + leaseMs - 1 })).toEqual([])
        expect(await claimedIds({ now: 900 + leaseMs })).toEqual(['a'])
      })

      test('taken over by another cannot be renewed', async () => {
        await bus.publish([owed('a')])
        const lost = await claimOne(0)
        await claimOne(leaseMs)
        expect((await exchange({ now: leaseMs, renew: [lost] })).renewed).toEqual([false])
      })
    })

    describe('a settlement', () => {
      test('records the end and what follows in one go', async () => {
        await bus.publish([owed('a')])
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
          await bus.publish([owed('a')])
          const delivery = await claimOne()
          await settle({ outcome, delivery, attempt, publications: [owed('b')] })
          expect(await claimedIds({ now: 1e15 })).toEqual(['b'])
        },
      )

      test.each(['done', 'retry', 'dead', 'cancelled'] as const)(
        'as %s with a token that is no longer in force changes and emits nothing',
        async (outcome) => {
          await bus.publish([owed('a')])
          const delivery = await claimOne(0)
          const current = await claimOne(leaseMs)
          const late: Settlement = { outcome, delivery, attempt, publications: [owed('b')], runAt: 0 }
          expect((await settle(late)).settled).toEqual([false])
          expect(stored()).toEqual(['a'])
          expect(bus.open()).toMatchObject([{ state: 'claimed', tries: 2 }])
          const good: Settlement = { outcome: 'done', delivery: current, attempt, publications: [] }
          expect((await settle(good)).settled).toEqual([true])
        },
      )

      test('counts once, and emits once, however often it is sent', async () => {
        await bus.publish([owed('a')])
        const delivery = await claimOne()
        const done: Settlement = { outcome: 'done', delivery, attempt, publications: [owed('b')] }
        expect((await settle(done, done)).settled).toEqual([true, false])
        expect((await settle(done)).settled).toEqual([false])
        expect(stored()).toEqual(['a', 'b'])
      })

      test('of two with one that fails leaves no trace of either', async () => {
        await bus.publish([owed('a'), owed('b')])
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
        expect(bus.open().map(({ state }) => state)).toEqual(['claimed', 'claimed'])
      })

      test('may emit what is already there, which is not taken a second time', async () => {
        await bus.publish([owed('a'), owed('b')])
        const delivery = await claimOne()
        await settle({ outcome: 'done', delivery, attempt, publications: [owed('b')] })
        expect(stored()).toEqual(['a', 'b'])
        expect(await claimedIds()).toEqual(['b'])
      })
    })

    describe('a delayed delivery', () => {
      test('is not claimed before its time, of which the bus tells', async () => {
        await bus.publish([owed('later', { runAt: 70 }), owed('soon', { runAt: 50 })])
        const { claimed, nextAt } = await exchange({ now: 49 })
        expect([claimed, nextAt]).toEqual([[], 50])
        expect((await exchange({ now: 50 })).nextAt).toBe(70)
        expect((await exchange({ now: 70 })).nextAt).toBeNull()
      })

      test('comes from a retry too', async () => {
        await bus.publish([owed('a')])
        const delivery = await claimOne()
        const { nextAt } = await settle({ outcome: 'retry', delivery, attempt, runAt: 300 })
        expect(nextAt).toBe(300)
        expect(await claimedIds({ now: 299 })).toEqual([])
        expect((await claimOne(300)).tries).toBe(2)
      })

      test('is ready at once when its run is expedited; that of another run is not', async () => {
        await bus.publish([
          owed('a', { runAt: 500 }, { runid: 'run1' }),
          owed('b', { runAt: 500 }, { runid: 'run2' }),
        ])
        await bus.expedite('run1')
        expect(await claimedIds()).toEqual(['a'])
      })

      test('is not due at any time while it is held back, and is named as the next run', async () => {
        await bus.publish([
          owed('a', { runAt: heldBack }, { runid: 'run1' }),
          owed('b', {}, { runid: 'run2' }),
        ])
        await bus.holdBack('run2')
        reopen()
        expect(bus.heldRun()).toBe('run1')
        const { claimed, nextAt } = await exchange({ now: 8e15 })
        expect([claimed, nextAt]).toEqual([[], null])
        await bus.expedite('run1')
        expect(bus.heldRun()).toBe('run2')
        expect(await claimedIds()).toEqual(['a'])
      })
    })

    test('an event is found by its source and id', async () => {
      await bus.publish([owed('a')])
      expect(bus.find(event('a').source, 'a')).toEqual(event('a'))
      expect(bus.find(event('a').source, 'b')).toBeUndefined()
    })

    describe('a key', () => {
      test('lets deliveries of one function pass one at a time, in the order of their events', async () => {
        await bus.publish([owed('a', { key: 'k', runAt: 3 }), owed('b', { key: 'k', runAt: 1 })])
        expect(await claimedIds({ now: 1 })).toEqual([])
        const delivery = await claimOne(3)
        expect(delivery.event.id).toBe('a')
        expect(await claimedIds({ now: 3 })).toEqual([])
        await settle({ outcome: 'done', delivery, attempt, publications: [] })
        expect(await claimedIds({ now: 3 })).toEqual(['b'])
      })

      test('holds the later ones while an earlier one waits for its retry', async () => {
        await bus.publish([owed('a', { key: 'k' }), owed('b', { key: 'k' })])
        const delivery = await claimOne()
        await settle({ outcome: 'retry', delivery, attempt, runAt: 100 })
        expect(await claimedIds({ now: 99 })).toEqual([])
        expect(await claimedIds({ now: 100 })).toEqual(['a'])
      })

      test.each(['dead', 'cancelled'] as const)(
        'holds nothing any more when the earlier one is %s',
        async (outcome) => {
          await bus.publish([owed('a', { key: 'k' }), owed('b', { key: 'k' })])
          const delivery = await claimOne()
          await settle({ outcome, delivery, attempt, publications: [] })
          expect(await claimedIds()).toEqual(['b'])
        },
      )

      test('does not hold other keys, other functions, or deliveries without a key', async () => {
        await bus.publish([
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
        await bus.publish([held('a', 'run1'), held('b', 'run2')])
        expect(await bus.withdraw('run1', [end])).toBe(true)
        reopen()
        expect(bus.heldRun()).toBe('run2')
        expect(await claimedIds()).toEqual(['end'])
      })

      test('is none once it has begun, and none that is not there', async () => {
        await bus.publish([held('a', 'run1')])
        await bus.expedite('run1')
        expect(await bus.withdraw('run1', [end])).toBe(false)
        const delivery = await claimOne()
        expect(await bus.withdraw('run1', [end])).toBe(false)
        expect((await settle({ outcome: 'done', delivery, attempt, publications: [] })).settled).toEqual([
          true,
        ])
        expect(await bus.withdraw('run1', [end])).toBe(false)
        expect(await bus.withdraw('nobody', [end])).toBe(false)
        expect(stored()).toEqual(['a'])
      })
    })

    describe('a dead letter', () => {
      async function bury(publication = owed('a')): Promise<Delivery> {
        await bus.publish([publication])
        const delivery = await claimOne()
        await settle({ outcome: 'dead', delivery, attempt, publications: [] })
        return delivery
      }

      test('that is redriven is ready again, its tries counted from the start', async () => {
        const { id } = await bury()
        expect(await bus.redrive(id)).toBe(true)
        reopen()
        expect(bus.open()).toMatchObject([{ id, state: 'ready', tries: 0, runAt: 0 }])
        expect(await claimOne()).toMatchObject({ id, tries: 1, generation: 1, event: { id: 'a' } })
      })

      test('can be redriven as often as it dies', async () => {
        const { id, generation } = await bury()
        expect(generation).toBe(0)
        for (const round of [1, 2, 3]) {
          expect(await bus.redrive(id)).toBe(true)
          const delivery = await claimOne()
          expect(delivery.generation).toBe(round)
          await settle({ outcome: 'dead', delivery, attempt, publications: [] })
        }
      })

      test('that is redriven is fenced off from its earlier rounds', async () => {
        const delivery = await bury()
        await bus.redrive(delivery.id)
        await claimOne()
        const late: Settlement = { outcome: 'done', delivery, attempt, publications: [owed('b')] }
        expect((await settle(late)).settled).toEqual([false])
        expect(stored()).toEqual(['a'])
      })

      test('is not redriven twice, nor is what is ready, in hand, done or unknown', async () => {
        const { id } = await bury()
        await bus.redrive(id)
        expect(await bus.redrive(id)).toBe(false)
        const delivery = await claimOne()
        expect(await bus.redrive(id)).toBe(false)
        await settle({ outcome: 'done', delivery, attempt, publications: [] })
        expect(await bus.redrive(id)).toBe(false)
        expect(await bus.redrive(4711)).toBe(false)
        expect(await claimedIds({ now: 1e15 })).toEqual([])
      })

      test('that is redriven waits for what is in hand of its key, though that came later', async () => {
        const { id } = await bury(owed('a', { key: 'k' }))
        await bus.publish([owed('b', { key: 'k' }), owed('c', { key: 'k' })])
        const delivery = await claimOne()
        expect(delivery.event.id).toBe('b')
        await bus.redrive(id)
        expect(await claimedIds()).toEqual([])
        await settle({ outcome: 'done', delivery, attempt, publications: [] })
        expect(await claimedIds()).toEqual(['a'])
      })

      test('that is replaced is one no more, and the event in its place is on the bus', async () => {
        const { id } = await bury()
        expect(await bus.replace([id], owed('b'))).toBe(true)
        expect(await bus.redrive(id)).toBe(false)
        expect(await bus.replace([id], owed('c'))).toBe(false)
        reopen()
        expect(await claimedIds()).toEqual(['b'])
      })

      test('is not replaced beside one that is none: all or nothing', async () => {
        const { id } = await bury()
        expect(await bus.replace([id, 4711], owed('b'))).toBe(false)
        expect(stored()).toEqual(['a'])
        expect(await bus.redrive(id)).toBe(true)
      })
    })

    test('reclaim() makes what is claimed ready again, fences off its claimants, and names it', async () => {
      await bus.publish([owed('a'), owed('b'), owed('c', { runAt: 9 })])
      const [first] = (await exchange()).claimed as [Delivery]
      reopen()
      const orphans = await bus.reclaim('the power went', eventTime)
      expect(orphans.map(({ event: { id }, tries }) => [id, tries])).toEqual([
        ['a', 1],
        ['b', 1],
      ])
      const late: Settlement = { outcome: 'done', delivery: first, attempt, publications: [owed('d')] }
      expect((await settle(late)).settled).toEqual([false])
      expect((await exchange()).claimed.map(({ tries }) => tries)).toEqual([2, 2])
      expect(await bus.reclaim('again', eventTime)).toHaveLength(2)
    })

    test('open() names what is owed, of one run or of all', async () => {
      await bus.publish([
        owed('a', {}, { runid: 'run1' }),
        owed('b', { runAt: 50 }, { runid: 'run1' }),
        owed('c', {}, { runid: 'run2' }),
      ])
      const delivery = await claimOne()
      expect(bus.open('run1')).toEqual([
        { id: delivery.id, function: 'f', eventId: 'a', state: 'claimed', tries: 1, runAt: 0 },
        { id: expect.any(Number), function: 'f', eventId: 'b', state: 'ready', tries: 0, runAt: 50 },
      ])
      expect(bus.open()).toHaveLength(3)
      await settle({ outcome: 'done', delivery, attempt, publications: [] })
      expect(bus.open('run1').map(({ eventId }) => eventId)).toEqual(['b'])
      expect(bus.open('nobody')).toEqual([])
    })

    test('events() finds by run, types and subject, in the order in which they came or the other way', async () => {
      const all = [
        event('1', { runid: 'run1', type: 'x.a', subject: 'var' }),
        event('2', { runid: 'run1', type: 'x.b', subject: 'var' }),
        event('3', { runid: 'run2', type: 'x.a', subject: 'var' }),
        event('4', { runid: 'run1', type: 'x.a', subject: 'home' }),
      ]
      await bus.publish(all.map((one) => ({ event: one, deliveries: [] })))
      const found = (filter: Parameters<EventBus['events']>[0]) => bus.events(filter).map(({ id }) => id)
      expect(found({})).toEqual(['1', '2', '3', '4'])
      expect(found({ runId: 'run1' })).toEqual(['1', '2', '4'])
      expect(found({ types: ['x.a'] })).toEqual(['1', '3', '4'])
      expect(found({ types: ['x.a', 'x.b'], subject: 'var' })).toEqual(['1', '2', '3'])
      expect(found({ runId: 'run1', types: ['x.a'], subject: 'home' })).toEqual(['4'])
      expect(found({ types: [] })).toEqual([])
      expect(found({ newestFirst: true, limit: 2 })).toEqual(['4', '3'])
      expect(found({ limit: 1 })).toEqual(['1'])
    })

    describe('beside another process', () => {
      const other = (...task: string[]) =>
        new Child(new URL('worker.ts', import.meta.url), opener.href, directory, ...task)

      test('watch() hears of what that one publishes', async () => {
        const heard = new Promise<void>((resolve) => {
          const stop = bus.watch(() => {
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
        expect(bus.open().map(({ eventId }) => eventId)).toEqual(stored().slice(-1))
        await bus.reclaim('killed', eventTime)
        expect(await claimedIds()).toEqual(stored().slice(-1))
      })
    })
  })
}

function idsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ event: { id } }) => id)
}
