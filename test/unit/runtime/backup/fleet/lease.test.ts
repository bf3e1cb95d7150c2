import { describe, expect, test } from 'vitest'
import { Lease, type LeaseTimes } from '../../../../../runtime/backup/fleet/hubs/lease.ts'

const times: LeaseTimes = { renewMs: 3000, lastsMs: 10_000, takenAfterMs: 15_000 }

/** A stream that keeps the last message, and hubs each with clocks of their own, which differ by anything. */
function world() {
  const stream: { seq: number; value: { id: string; name: string; upTo: number } }[] = []
  const hub = (id: string, wallMs: number) => {
    const clock = { steadyMs: Math.abs(wallMs) % 977, wallMs }
    const lease = new Lease(id, () => ({ ...clock }), times)
    return {
      lease,
      clock,
      pass(ms: number, pace = 1) {
        clock.steadyMs += ms * pace
        clock.wallMs += ms * pace
      },
      look() {
        for (const { seq, value } of stream) lease.see(seq, value)
      },
      /** As a hub does in its turn. */
      turn() {
        this.look()
        if (!lease.mayWrite) return false
        const last = stream.at(-1)?.seq ?? 0
        if (last !== lease.seq) return false
        const value = { id, name: id, upTo: 0 }
        stream.push({ seq: last + 1, value })
        lease.wrote(last + 1, value, { ...clock })
        return true
      },
    }
  }
  return { stream, hub }
}

describe('a lease', () => {
  test('goes to another hub only after the one that had it acts no more, whatever their clocks say and however they differ in pace', () => {
    for (const pace of [0.8, 1, 1.2])
      for (const wall of [0, -1e12, 1e12]) {
        const { hub } = world()
        const [one, two] = [hub('one', 1e9), hub('two', wall)]
        expect(one.turn()).toBe(true)
        two.look()
        for (let ms = 0; ms < 30_000; ms += 500) {
          one.pass(500)
          two.pass(500, pace)
          two.turn()
          expect(one.lease.isHeld && two.lease.isHeld).toBe(false)
        }
        expect(two.lease.isHeld).toBe(true)
        one.look()
        expect([one.lease.isHeld, one.lease.mayWrite, one.lease.holder?.id]).toEqual([false, false, 'two'])
      }
  })

  test('stays with the hub that renews it, and goes at once to the same hub once it is started anew', () => {
    const { hub } = world()
    const [one, two] = [hub('one', 0), hub('two', 0)]
    for (let n = 0; n < 20; n++) {
      expect(one.turn()).toBe(true)
      expect(two.turn()).toBe(false)
      for (const each of [one, two]) each.pass(times.renewMs)
    }
    const again = hub('one', 5)
    again.look()
    expect([again.lease.isHeld, again.lease.mayWrite]).toEqual([false, true])
    expect(again.turn()).toBe(true)
  })

  test('has run out for a hub whose machine has slept, though its steady clock stood still', () => {
    const { hub } = world()
    const one = hub('one', 0)
    one.turn()
    one.clock.wallMs += 60_000
    expect(one.lease.isHeld).toBe(false)
  })

  test('counts how long nothing was heard over breaks of the connection', () => {
    const { hub } = world()
    const [one, two] = [hub('one', 0), hub('two', 0)]
    one.turn()
    two.look()
    two.pass(times.takenAfterMs)
    two.lease.readAnew()
    expect(two.turn()).toBe(true)
  })

  test('is written anew where the server has lost it', () => {
    const { stream, hub } = world()
    const one = hub('one', 0)
    one.turn()
    one.turn()
    stream.length = 0
    expect(one.turn()).toBe(false)
    one.lease.readAnew()
    one.lease.seeNone()
    expect(one.turn()).toBe(true)
    expect(one.lease.isHeld).toBe(true)
  })
})
