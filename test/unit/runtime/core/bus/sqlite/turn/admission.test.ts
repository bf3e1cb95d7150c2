import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Delivery,
  type NewDelivery,
  type Publication,
  type Settlement,
  unknownKey,
} from '../../../../../../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../../../../../../runtime/core/bus/sqlite/bus.ts'
import { inMemory, openDatabase } from '../../../../../../../runtime/core/bus/sqlite/database.ts'
import { owed } from '../../../../../../contract/publication.ts'

type Order = Pick<NewDelivery, 'keyLimit' | 'onBusy' | 'putOff'>

const orders: fc.Arbitrary<Order> = fc.record({
  keyLimit: fc.integer({ min: 1, max: 3 }),
  onBusy: fc.constantFrom(undefined, 'wait' as const, 'skip' as const, 'replace' as const),
  putOff: fc.constantFrom(undefined, { waitMs: 30, longestMs: 30 }, { waitMs: 30, longestMs: 100 }),
})

/** What happens at one moment: time passes, an event may come, one that is in hand may end, others are claimed. */
const steps = fc.array(
  fc.record({
    passMs: fc.nat({ max: 20 }),
    comes: fc.constantFrom(undefined, 'a', 'a', 'b'),
    ends: fc.constantFrom(undefined, 'done' as const, 'done' as const, 'dead' as const, 'retry' as const),
    revokes: fc.option(fc.nat({ max: 30 }), { nil: undefined, freq: 8 }),
    claim: fc.nat({ max: 3 }),
  }),
  { maxLength: 60 },
)

interface Row {
  key: string
  state: 'ready' | 'claimed'
  tries: number
  lane: number
  run_at: number
  put_off_since: number | null
}

/** A bus on which one function is owed events of two keys. */
class World {
  readonly #database = openDatabase(inMemory)
  readonly bus = new SqliteBus(this.#database, inMemory)
  readonly #order: Order
  readonly #isComputed: boolean
  readonly #keys: string[] = []
  #inHand: Delivery[] = []
  #now = Date.UTC(2026, 0, 1)

  constructor(order: Order, isComputed: boolean) {
    this.#order = order
    this.#isComputed = isComputed
  }

  async turn({
    passMs,
    comes,
    ends,
    revokes,
    claim,
  }: {
    passMs: number
    comes?: string | undefined
    ends?: 'done' | 'dead' | 'retry' | undefined
    revokes?: number | undefined
    claim: number
  }): Promise<void> {
    this.#now += passMs
    const ended = ends && this.#inHand.shift()
    const settle = ended ? [this.#settlement(ended, ends)] : []
    const publish = comes === undefined ? [] : [this.#publication(comes)]
    const turn = { now: this.#now, renew: [], settle, publish, claim, leaseMs: 1e9 }
    this.#inHand.push(...(await this.bus.exchange(turn)).claimed)
    if (revokes !== undefined) await this.bus.revoke(`run${revokes}`, 'not wanted', this.#now)
  }

  open(): Row[] {
    return this.#database
      .prepare("SELECT * FROM delivery WHERE state = 'ready' OR state = 'claimed'")
      .all() as unknown as Row[]
  }

  /** Of one key, those that are open: in hand, waiting, behind, and put off still. */
  count(key: string) {
    const rows = this.open().filter((row) => row.key === key)
    const behind = rows.filter(({ lane }) => lane >= 10).length
    return {
      inHand: rows.filter(({ state }) => state === 'claimed').length,
      front: rows.length - behind,
      behind,
      putOff: rows.filter((row) => row.put_off_since !== null && row.tries === 0 && row.run_at > this.#now)
        .length,
    }
  }

  /** How many deliveries ended without being handled, and how many logs say so. */
  skipped(): number[] {
    return ["delivery WHERE state = 'done' AND tries = 0", "log WHERE message LIKE 'skipped: %'"].map(
      (from) => this.#database.prepare(`SELECT count(*) AS count FROM ${from}`).get()?.count as number,
    )
  }

  #publication(key: string): Publication {
    const id = `run${this.#keys.push(key) - 1}`
    const order = this.#isComputed ? { key: unknownKey } : { ...this.#order, key }
    return owed(id, order, { runid: id, time: new Date(this.#now).toISOString() })
  }

  #settlement(delivery: Delivery, outcome: 'done' | 'dead' | 'retry'): Settlement {
    const both = { delivery, attempt: { startedAt: this.#now, endedAt: this.#now }, publications: [] }
    if (delivery.key === unknownKey) {
      const key = this.#keys[Number(delivery.event.id.slice('run'.length))] as string
      return { outcome: 'keyed', ...both, ...this.#order, key }
    }
    return outcome === 'retry' ? { outcome, ...both, runAt: this.#now + 25 } : { outcome, ...both }
  }
}

test('whatever comes and ends in whatever order: limits hold, nothing is stuck, and what is skipped says so', async () => {
  await fc.assert(
    fc.asyncProperty(orders, fc.boolean(), steps, async (order, isComputed, all) => {
      const world = new World(order, isComputed)
      const { keyLimit = 1, onBusy } = order
      const check = () => {
        for (const key of ['a', 'b']) {
          const { inHand, front, behind, putOff } = world.count(key)
          expect(inHand).toBeLessThanOrEqual(keyLimit)
          if (behind > 0) expect(front).toBeGreaterThanOrEqual(keyLimit)
          if (onBusy === 'skip') expect(behind).toBe(0)
          if (onBusy === 'replace') expect(behind).toBeLessThanOrEqual(1)
          expect(putOff).toBeLessThanOrEqual(1)
        }
      }
      for (const step of all) {
        await world.turn(step)
        check()
      }
      for (let more = 0; more < 300 && world.open().length > 0; more++) {
        await world.turn({ passMs: 20, ends: 'done', claim: 4 })
        check()
      }
      expect(world.open()).toEqual([])
      const [ended, told] = world.skipped()
      expect(ended).toBe(told)
      world.bus.close()
    }),
    { numRuns: 200 },
  )
})
