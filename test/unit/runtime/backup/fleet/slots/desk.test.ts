import { describe, expect, test } from 'vitest'
import { type Cap, goneAfterLooks, SlotDesk } from '../../../../../../runtime/backup/fleet/slots/desk.ts'
import type { SlotStatement } from '../../../../../../runtime/fleet-protocol.ts'

/** A desk of one server, and what it says. */
function deskOf(atMost: number, { isNew = false }: { isNew?: boolean } = {}) {
  const said: string[] = []
  const paused = new Set<string>()
  const caps = new Map<string, Cap>()
  let now = 0
  const desk = new SlotDesk({
    slots: { vault1: atMost },
    now: () => now++,
    answer: (host, { state, ahead, isPaused }) =>
      said.push(
        [host, state, ...(ahead ? [`after ${ahead}`] : []), ...(isPaused ? ['paused'] : [])].join(' '),
      ),
    isPaused: (host) => paused.has(host),
    capOf: (_, command) => caps.get(command),
    mayGrant: () => true,
  })
  if (!isNew) for (let n = 0; n < goneAfterLooks; n++) desk.look()
  return {
    ...{ desk, said, paused, caps },
    /** What a host says; its ask has its own name unless given. */
    hear(host: string, state: SlotStatement['state'], more: Partial<SlotStatement> = {}) {
      said.length = 0
      desk.hear(host, { v: 1, server: 'vault1', ask: host, state, ...more })
      return [...said]
    },
    working: () => desk.places.filter(({ state }) => state !== 'waits').map(({ host }) => host),
  }
}

describe('SlotDesk', () => {
  test('grants so many at once, in the order in which hosts came, and each that is given back', () => {
    const { hear, working } = deskOf(2)
    expect(hear('a', 'wants')).toEqual(['a granted'])
    expect(hear('b', 'wants')).toEqual(['b granted'])
    expect(hear('c', 'wants')).toEqual(['c waits'])
    expect(hear('d', 'wants')).toEqual(['d waits after 1'])
    expect(hear('a', 'has')).toEqual([])
    expect(hear('a', 'done')).toEqual(['c granted'])
    expect(working()).toEqual(['b', 'c'])
    // Told twice it frees nothing a second time.
    expect(hear('a', 'done')).toEqual([])
    expect(hear('b', 'done')).toEqual(['d granted'])
    expect(working()).toEqual(['c', 'd'])
  })

  test('counts silence anew where what hosts have said is lost', () => {
    const { desk, hear, working } = deskOf(1)
    hear('a', 'wants')
    for (let n = 0; n < 3 * goneAfterLooks; n++) {
      desk.look()
      if (n % goneAfterLooks === 0) desk.missedSome()
    }
    expect(working()).toEqual(['a'])
    const other = deskOf(1, { isNew: true })
    for (let n = 0; n < 3 * goneAfterLooks; n++) {
      other.desk.look()
      if (n % 3 === 0) other.desk.missedSome()
    }
    expect(other.desk.isNew).toBe(true)
    // One that has heard all grants at once.
    expect(desk.isNew).toBe(false)
  })

  test('says again what was granted to whoever has not heard it', () => {
    const { hear, working } = deskOf(1)
    hear('a', 'wants')
    expect(hear('a', 'wants')).toEqual(['a granted'])
    expect(working()).toEqual(['a'])
  })

  test('gives a host one place only: another wait of it takes the first one, at the end of the queue', () => {
    const { hear, working } = deskOf(1)
    hear('a', 'wants')
    hear('b', 'wants')
    expect(hear('a', 'wants', { ask: 'a2' })).toEqual(['b granted', 'a waits'])
    expect(working()).toEqual(['b'])
    // What is over with the first one changes nothing.
    expect(hear('a', 'done')).toEqual([])
    expect(hear('b', 'done')).toEqual(['a granted'])
  })

  test('counts who went on alone as being at work', () => {
    const { hear } = deskOf(1)
    hear('a', 'wants')
    hear('b', 'wants')
    hear('b', 'has', { alone: true })
    hear('c', 'wants')
    expect(hear('a', 'done')).toEqual([])
    expect(hear('b', 'done')).toEqual(['c granted'])
  })

  test('tells that it knows no such server, and keeps nothing of it', () => {
    const { hear, desk } = deskOf(1)
    for (const server of ['vault2', 'constructor', '__proto__'])
      expect(hear('a', 'wants', { server })).toEqual(['a unknown'])
    expect(hear('a', 'has', { server: 'vault2' })).toEqual([])
    expect(desk.places).toEqual([])
  })

  test('frees the slot of a host that has gone, whether it had begun or not; not of one that says something', () => {
    const { desk, hear, working } = deskOf(1)
    hear('a', 'wants')
    hear('b', 'wants')
    for (let n = 0; n < 2 * goneAfterLooks; n++) {
      desk.look()
      hear('a', 'has')
      hear('b', 'wants')
    }
    expect(working()).toEqual(['a'])
    for (let n = 0; n <= goneAfterLooks; n++) {
      hear('b', 'wants')
      desk.look()
    }
    expect(working()).toEqual(['b'])
  })

  test('grants nothing to one that waits and has gone most likely', () => {
    const { desk, hear, working } = deskOf(1)
    hear('a', 'wants')
    hear('b', 'wants')
    for (let n = 0; n < 2; n++) desk.look()
    hear('c', 'wants')
    hear('a', 'done')
    expect(working()).toEqual(['c'])
    expect(hear('b', 'wants')).toEqual(['b waits'])
  })

  test('that is new grants nothing before all have had time to say what they have; then no more than there are', () => {
    const { desk, hear, working } = deskOf(2, { isNew: true })
    expect(hear('a', 'wants')).toEqual(['a waits'])
    hear('b', 'has')
    for (let n = 0; n < goneAfterLooks - 1; n++) {
      desk.look()
      for (const host of ['a', 'c']) hear(host, 'wants')
      hear('b', 'has')
      expect(working()).toEqual(['b'])
    }
    desk.look()
    expect(working()).toEqual(['b', 'a'].sort())
    // As does one in whose place another has been.
    desk.renew()
    hear('a', 'done')
    expect(working()).toEqual(['b'])
  })

  test('takes back a host that it had given up, and grants nothing while there are too many', () => {
    const { desk, hear, working } = deskOf(1)
    hear('a', 'wants')
    for (let n = 0; n <= goneAfterLooks; n++) desk.look()
    hear('b', 'wants')
    hear('a', 'has')
    expect(working().sort()).toEqual(['a', 'b'])
    hear('b', 'done')
    expect(hear('c', 'wants')).toEqual(['c waits'])
  })

  test('grants nothing to whom it is paused for, but to those behind it; and goes on once it is not', () => {
    const { desk, hear, paused, said, working } = deskOf(1)
    paused.add('a')
    expect(hear('a', 'wants')).toEqual(['a waits paused'])
    expect(hear('b', 'wants')).toEqual(['b granted'])
    hear('b', 'done')
    expect(working()).toEqual([])
    paused.clear()
    said.length = 0
    desk.grant()
    expect(said).toEqual(['a granted'])
  })

  test('lets no more of one command be at work at once than it says', () => {
    const { hear, caps, working } = deskOf(8)
    for (const one of ['c1', 'c2', 'c3']) caps.set(one, { group: 'g', atMost: 1 })
    hear('a', 'wants', { command: 'c1' })
    expect(hear('b', 'wants', { command: 'c2' })).toEqual(['b waits'])
    hear('c', 'wants', { command: 'c3' })
    hear('d', 'wants')
    expect(working()).toEqual(['a', 'd'])
    expect(hear('a', 'done')).toEqual(['b granted'])
    expect(working()).toEqual(['b', 'd'])
  })
})
