import { expect, onTestFinished, test } from 'vitest'
import { catalogue } from '../../../../../../events/index.ts'
import { givePublications } from '../../../../../../runtime/backup/fleet/commands/given.ts'
import { HubSlots } from '../../../../../../runtime/backup/fleet/slots/hub-slots.ts'
import type { EventFilter } from '../../../../../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../../../../../runtime/core/bus/sqlite/bus.ts'
import { inMemory, openDatabase } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { createRegistry } from '../../../../../../runtime/core/registry/registry.ts'
import { newCommandKey } from '../../../../../../runtime/host/fleet/command-key.ts'
import type { NatsConnection } from '../../../../../../runtime/host/fleet/connection.ts'
import { ManualClock } from '../../../../manual-clock.ts'

const registry = createRegistry([], catalogue)

/** A hub with four slots that hears what hosts say. */
async function makeHub() {
  const database = openDatabase(inMemory)
  const bus = new SqliteBus(database, inMemory)
  onTestFinished(() => bus.close())
  const clock = new ManualClock()
  const looked: EventFilter[] = []
  const slots = new HubSlots({
    ...{ slots: { vault1: 4 }, inbox: new Inbox(database), registry, clock, note() {}, isFirst: true },
    bus: {
      events(filter) {
        looked.push(filter)
        return bus.events(filter)
      },
    },
    publishWith: (decide) => bus.publishWith(decide),
    isActive: () => true,
  })
  let take: (message: { subject: string; data: Uint8Array }) => void = () => {}
  const connection = {
    isClosed: () => false,
    publish() {},
    subscribe: (_: string, { callback }: { callback(error: null, message: object): void }) => {
      take = (message) => callback(null, message)
    },
  }
  await slots.open(connection as unknown as NatsConnection, 1)
  return {
    ...{ slots, clock },
    lookUps: () => looked.filter(({ types }) => types?.includes('fleet.command.given')).length,
    give(hosts: readonly string[], atMost: number) {
      const wishes = hosts.map((host) => ({ host, type: 'backup.start', request: {} }))
      const options = { key: newCommandKey(), registry, forMs: 3_600_000, now: clock.now(), atMost }
      const { ids, publications } = givePublications(wishes, options)
      bus.publishWith(() => publications)
      slots.readAnew()
      return ids
    },
    say(host: string, ask: string, command?: string) {
      const said = { v: 1, server: 'vault1', ask, state: 'wants', ...(command !== undefined && { command }) }
      take({ subject: `hub.slot.${host}`, data: Buffer.from(JSON.stringify(said)) })
    },
    granted: () => slots.now.places.filter(({ state }) => state === 'granted').map(({ host }) => host),
  }
}

test('a host that asks without end for commands is looked up once, until the next look', async () => {
  const { say, lookUps, clock } = await makeHub()
  for (let n = 0; n < 1000; n++) say('web1', `ask ${n}`, `command ${n}`)
  expect(lookUps()).toBe(1)
  say('web2', 'ask', 'command')
  expect(lookUps()).toBe(2)
  await clock.advance(30_000)
  for (let n = 0; n < 1000; n++) say('web1', `ask ${n}`, `command ${n}`)
  expect(lookUps()).toBe(3)
})

test('what was given with a limit holds at once, also for hosts that were looked up before', async () => {
  const { say, give, granted } = await makeHub()
  const hosts = ['web1', 'web2', 'web3']
  for (const host of hosts) say(host, 'other', 'none')
  expect(granted()).toEqual(hosts)
  const ids = give(hosts, 1)
  for (const [n, host] of hosts.entries()) say(host, 'ask', ids[n])
  expect(granted()).toEqual(['web1'])
})
