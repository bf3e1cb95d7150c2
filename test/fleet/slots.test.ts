import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { ManualClock } from '../unit/manual-clock.ts'
import { isNightly } from '../unit/nightly.ts'
import { makeFleet } from './fleet.ts'
import { natsForTests } from './nats-server.ts'
import { HubPart } from './parts.ts'
import { SlotHost, type SlotHostOptions, Speaker } from './slot-host.ts'
import { cuttable, standbyOf } from './two-hubs.ts'

const { program, missing } = await natsForTests()

/** A hub of parts with slots for one backup server, and hosts that want them. */
async function fleetOf(atMost: number, repeatMs: number) {
  const { folder, server, broker } = await makeFleet(program)
  const hubFolder = join(folder, 'fleet')
  const part = new HubPart(folder, server)
  part.slots = { slots: { vault1: atMost }, slotRepeatMs: repeatMs }
  const list = new HubFolder(hubFolder)
  const hostOf = (name: string, options: Partial<SlotHostOptions> = {}) =>
    new SlotHost(name, { server, hubFolder, repeatMs, ...options })
  return { folder, server, broker, part, list, hostOf }
}

/** Connections for each, and a hub that takes a host for gone after four or five of these. */
const many = isNightly ? 200 : 40
const repeatMs = isNightly ? 2000 : 1000

const long = { timeout: 120_000 }

describe.skipIf(missing)(`hosts that wait for the slots of a backup server${missing}`, () => {
  test('many are at it eight at a time, each once, though server and hub are killed again and again', async () => {
    const { broker, part, list, hostOf } = await fleetOf(8, repeatMs)
    const hosts = Array.from({ length: many }, (_, n) => hostOf(`h${n + 1}`))
    list.writeUsers()
    let most = 0
    const atWork = () => hosts.filter(({ isAtWork }) => isAtWork).length
    for (const host of hosts)
      host.onStarted = () => {
        most = Math.max(most, atWork())
      }
    await broker.start()
    part.start()
    for (const host of hosts) host.begin()
    const kills = new Map([
      ...[0.1, 0.4, 0.7].map((part) => [Math.floor(part * many), 'server'] as const),
      ...[0.25, 0.55].map((part) => [Math.floor(part * many), 'hub'] as const),
    ])
    const finished = () => hosts.filter(({ started, isAtWork }) => started > 0 && !isAtWork).length
    const deadline = Date.now() + 240_000
    while (finished() < hosts.length && Date.now() < deadline) {
      for (const at of [...kills.keys()].filter((one) => one <= finished())) {
        const what = kills.get(at)
        kills.delete(at)
        if (what === 'server') {
          await broker.kill()
          await broker.start()
        } else {
          await part.kill()
          part.start()
        }
      }
      for (const host of hosts.filter(({ isAtWork }) => isAtWork).slice(0, 4)) host.finish()
      await sleep(20)
    }
    expect(kills.size).toBe(0)
    expect(hosts.filter(({ started }) => started !== 1)).toEqual([])
    expect(hosts.filter(({ taken }) => taken?.without !== null)).toEqual([])
    expect(most).toBe(8)
  }, 300_000)

  test('one that vanishes while it has a slot frees it, and one that is cancelled while it waits', async () => {
    const { broker, part, list, hostOf, server } = await fleetOf(1, 300)
    const way = await cuttable(server)
    const [first, second, third] = [
      hostOf('first', { server: way.server }),
      hostOf('second'),
      hostOf('third'),
    ]
    list.writeUsers()
    await broker.start()
    part.start()
    first.begin()
    await expect.poll(() => first.isAtWork, long).toBe(true)
    second.begin()
    await expect.poll(() => part.hub.commands.slots.places.map(({ host }) => host), long).toContain('second')
    third.begin()
    await expect.poll(() => part.hub.commands.slots.places.map(({ host }) => host), long).toContain('third')
    second.finish()
    way.cut()
    await expect.poll(() => third.isAtWork, long).toBe(true)
    expect(second.started).toBe(0)
    expect(part.hub.commands.slots.places).toMatchObject([{ host: 'third', state: 'granted' }])
  })

  test('one waits no longer than its patience: for a hub that is away, a server that is full or paused', async () => {
    const { broker, part, list, hostOf } = await fleetOf(1, 300)
    const [early, full] = [hostOf('early', { patienceMs: 1500 }), hostOf('full', { patienceMs: 1500 })]
    const [paused, last] = [hostOf('paused', { patienceMs: 1500 }), hostOf('last')]
    list.writeUsers()
    early.begin()
    await expect.poll(() => early.taken, long).toMatchObject({ without: 'patience' })
    // It counts as one that is at work once the hub hears of it.
    await broker.start()
    part.start()
    await expect
      .poll(() => part.hub.commands.slots.places, long)
      .toMatchObject([{ host: 'early', state: 'alone' }])
    full.begin()
    await expect.poll(() => full.taken, long).toMatchObject({ without: 'patience' })
    early.finish()
    full.finish()
    await expect.poll(() => part.hub.commands.slots.places, long).toEqual([])

    part.hub.commands.pause({ of: 'server', name: 'vault1' })
    paused.begin()
    await expect.poll(() => paused.taken, long).toMatchObject({ without: 'patience' })
    expect(paused.notes.join()).toContain('the hub has paused vault1')
    paused.finish()
    last.begin()
    await expect
      .poll(() => part.hub.commands.slots.places, long)
      .toMatchObject([{ host: 'last', state: 'waits' }])
    // It stays so over a restart of the hub.
    await part.kill()
    part.start()
    await expect
      .poll(() => part.hub.commands.slots, long)
      .toMatchObject({ isNew: false, places: [{ state: 'waits' }] })
    expect(part.hub.commands.paused).toMatchObject([{ of: 'server', name: 'vault1' }])
    expect(last.started).toBe(0)
    expect(part.hub.commands.resume({ of: 'server', name: 'vault1' })).toBe(true)
    await expect.poll(() => last.taken, long).toMatchObject({ without: null })
  })

  test('a hub whose connection breaks all the time grants slots, and no more than there are', async () => {
    const { broker, list, server, folder } = await fleetOf(1, 30_000)
    const [works, waits] = [new Speaker('works', list, server), new Speaker('waits', list, server)]
    const way = await cuttable(server)
    const hub = new HubPart(folder, way.server)
    hub.slots = { slots: { vault1: 1 }, slotRepeatMs: 30_000 }
    const clock = new ManualClock(Date.now())
    hub.clock = clock
    list.writeUsers()
    await broker.start()
    hub.start()
    await expect.poll(() => hub.isActive, long).toBe(true)
    const slots = () => hub.hub.commands.slots
    const places = () => slots().places.map(({ host, state, since }) => [host, state, clock.now() - since])
    /** Hosts speak only while the hub does not hear them. */
    const unheard = async (speak: () => Promise<void>) => {
      await clock.advance(10_000)
      way.cut()
      await speak()
      await clock.advance(10_000)
      way.mend()
    }
    const isHeard = async () => {
      await works.say({ ask: 'a', state: 'has' })
      return places().length
    }
    await expect.poll(isHeard, long).toBe(1)
    const isNew: boolean[] = []
    for (let n = 0; n < 12; n++) {
      await unheard(async () => {
        await works.say({ ask: `a${n}`, state: 'has' })
        await waits.say({ ask: `b${n}`, state: 'wants' })
      })
      const both = [
        ['works', 'granted', 0],
        ['waits', 'waits', 0],
      ]
      await expect.poll(places, long).toEqual(both)
      isNew.push(slots().isNew)
    }
    expect(waits.answers).not.toContain('granted')
    // Four looks, each when the hub hears again after 30 seconds.
    expect([isNew[4], isNew.at(-1)]).toEqual([true, false])
    await unheard(() => works.say({ ask: 'a11', state: 'done' }))
    await expect.poll(places, long).toEqual([['waits', 'granted', 0]])
    await expect.poll(() => waits.answers, long).toContain('granted')
    // What was said before a server was killed is lost with it: who is silent is not taken for gone by that.
    const since = clock.now()
    for (let n = 0; n < 6; n++) {
      await clock.advance(30_000)
      await broker.kill()
      await broker.start()
      const placesNow = async () => {
        await works.say({ ask: `c${n}`, state: 'wants' })
        return places()
      }
      await expect.poll(placesNow, long).toEqual([
        ['waits', 'granted', clock.now() - since],
        ['works', 'waits', 0],
      ])
    }
    for (let n = 0; n < 6; n++) {
      await works.say({ ask: 'c5', state: 'wants' })
      await clock.advance(30_000)
    }
    await expect.poll(() => works.answers, long).toContain('granted')
    await expect.poll(places, long).toEqual([['works', 'granted', expect.anything()]])
  }, 240_000)

  test('one that names a server which the hub does not know goes on at once, and says so', async () => {
    const { broker, part, list, hostOf } = await fleetOf(1, 300)
    const host = hostOf('h1', { vault: 'vault2' })
    list.writeUsers()
    await broker.start()
    part.start()
    host.begin()
    await expect.poll(() => host.taken, long).toMatchObject({ server: 'vault2', without: 'unknown' })
    expect(host.started).toBe(1)
  })

  test('a hub that takes the place of another one grants no more than there are, and keeps to what was paused', async () => {
    const first = await makeFleet(program)
    const { folder, server, broker } = first
    const slots = { slots: { vault1: 2 }, slotRepeatMs: 500 }
    const [one, two] = [
      new HubPart(folder, server),
      new HubPart((await standbyOf(first, server)).folder, server),
    ]
    for (const hub of [one, two]) hub.slots = slots
    const hubFolder = join(folder, 'fleet')
    const hosts = Array.from(
      { length: 6 },
      (_, n) => new SlotHost(`h${n + 1}`, { server, hubFolder, repeatMs: 500 }),
    )
    new HubFolder(hubFolder).writeUsers()
    const atWork = () => hosts.filter(({ isAtWork }) => isAtWork)
    let most = 0
    for (const host of hosts)
      host.onStarted = () => {
        most = Math.max(most, atWork().length)
      }
    await broker.start()
    one.start()
    await expect.poll(() => one.isActive, long).toBe(true)
    two.start()
    for (const host of hosts) host.begin()
    await expect.poll(() => atWork().length, long).toBe(2)
    expect(() => two.hub.commands.pause({ of: 'all' })).toThrow('stands by')
    one.hub.commands.pause({ of: 'all' })
    await expect.poll(() => two.hub.commands.paused, long).toMatchObject([{ of: 'all' }])
    await one.kill()
    for (const host of atWork()) host.finish()
    await expect.poll(() => two.isActive && !two.hub.commands.slots.isNew, long).toBe(true)
    expect(atWork()).toEqual([])
    two.hub.commands.resume({ of: 'all' })
    await expect.poll(() => atWork().length, long).toBe(2)
    one.start()
    while (hosts.some(({ started }) => started === 0)) {
      for (const host of atWork()) host.finish()
      await sleep(50)
    }
    expect(most).toBe(2)
    expect(hosts.map(({ started }) => started)).toEqual(hosts.map(() => 1))
  }, 120_000)
})
