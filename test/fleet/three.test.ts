import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { revoke } from '../../runtime/backup/fleet/enrol.ts'
import { eventStream } from '../../runtime/fleet-protocol.ts'
import { connectToBroker } from '../../runtime/host/fleet/connection.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { makeCluster } from './fleet.ts'
import { natsForTests } from './nats-server.ts'
import { HostPart, HubPart } from './parts.ts'

const { program, missing } = await natsForTests()

/** A fleet on three NATS servers, which know its hosts; they run unless told otherwise. */
async function fleetOfThree(count: number, isRunning = true) {
  const members = await makeCluster(program)
  const [first, ...others] = members
  const servers = members.map(({ server }) => server)
  const fleet = join(first.folder, 'fleet')
  const hub = new HubPart(first.folder, ...servers)
  const hosts = Array.from({ length: count }, (_, n) => {
    // Each begins with another server.
    const from = [...servers.slice(n % 3), ...servers.slice(0, n % 3)]
    return new HostPart(`h${n + 1}`, first.folder, fleet, ...from)
  })
  new HubFolder(fleet).writeUsers()
  const users = 'fleet/broker/users.conf'
  for (const { folder } of others) cpSync(join(first.folder, users), join(folder, users))
  if (isRunning) await Promise.all(members.map(({ broker }) => broker.start()))
  return { members, hub, hosts }
}

type Parts = Awaited<ReturnType<typeof fleetOfThree>>

/** Long enough for a cluster that has lost one of three in the middle of everything, on a machine that has other things to do. */
const patience = { timeout: 90_000 }

async function expectAll({ hub, hosts }: Pick<Parts, 'hub' | 'hosts'>): Promise<void> {
  const waits = () => hosts.reduce((sum, { outbox }) => sum + outbox.waiting().count, 0)
  await expect.poll(waits, { ...patience, message: 'events that wait for a receipt' }).toBe(0)
  const arrived = hub.arrived()
  for (const { name, told } of hosts) expect(arrived.get(name), name).toEqual(told)
}

describe.skipIf(missing)(`on three NATS servers what hosts tell arrives once and in order${missing}`, () => {
  test('while each of them is killed in turn, and then one loses its disk', async () => {
    const parts = await fleetOfThree(3)
    const { members, hub, hosts } = parts
    hub.slots = { slots: { vault1: 1 }, slotRepeatMs: 500 }
    hub.start()
    for (const host of hosts) host.start()
    const tell = (count: number) => Promise.all(hosts.map((host) => host.tell(count)))
    await tell(10)
    await expectAll(parts)
    for (const { broker } of members) {
      await tell(10)
      await broker.kill()
      await tell(10)
      // Two are enough.
      await expectAll(parts)
      await broker.start()
    }
    const [lost] = members
    await tell(10)
    await lost.broker.kill()
    rmSync(join(lost.folder, 'broker'), { recursive: true })
    mkdirSync(join(lost.folder, 'broker'))
    await tell(10)
    await lost.broker.start()
    await expectAll(parts)
    // Two keep what hosts say of slots as well.
    expect(hub.notes.filter((note) => note.includes('of slots'))).toEqual([])
    await expect.poll(() => hub.hub.commands.slots.isNew, patience).toBe(false)
  }, 400_000)
  test('where there was one before, whatever that one had', async () => {
    const parts = await fleetOfThree(1, false)
    const { members, hub, hosts } = parts
    const [first, ...others] = members
    const [host] = hosts as [HostPart]
    const alone = new HubPart(first.folder, first.server)
    const config = readFileSync(first.config, 'utf8')
    writeFileSync(first.config, config.replace(/servers: \[.*?\]/, `servers: ["${first.server}"]`))
    await first.ok(['fleet', 'init'])
    await first.broker.start()
    alone.start()
    host.start()
    await host.tell(10)
    await expectAll({ hub: alone, hosts })
    await alone.kill()
    await host.tell(10)
    // As the page says: all is named, and init done once more.
    writeFileSync(first.config, config)
    await first.ok(['fleet', 'init', '--at', first.server])
    await first.broker.kill()
    await Promise.all([first, ...others].map(({ broker }) => broker.start()))
    hub.start()
    await host.tell(10)
    await expectAll(parts)
    const list = new HubFolder(join(first.folder, 'fleet'))
    const connection = await connectToBroker(
      list.door({ role: 'hub', servers: [first.server], folder: list.path }),
    )
    onTestFinished(() => connection.close())
    const { config: made } = await (await jetstreamManager(connection)).streams.info(eventStream)
    expect(made.num_replicas).toBe(3)
  }, 200_000)

  test('while two of them are away hosts keep it, and no hub acts', async () => {
    const parts = await fleetOfThree(2)
    const { members, hub, hosts } = parts
    const [, second, third] = members
    hub.start()
    for (const host of hosts) host.start()
    for (const host of hosts) await host.tell(10)
    await expectAll(parts)
    await second.broker.kill()
    await third.broker.kill()
    await expect.poll(() => hub.isActive, patience).toBe(false)
    for (const host of hosts) await host.tell(10)
    for (const { outbox } of hosts) expect(outbox.waiting().count).toBe(10)
    await second.broker.start()
    await expectAll(parts)
  }, 200_000)

  test('each hub has the server beside it let in whom another one has put on the list, and cut off whom it takes from it', async () => {
    const members = await makeCluster(program)
    const servers = members.map(({ server }) => server)
    const [first, , third] = members
    await Promise.all(members.map(({ broker }) => broker.start()))
    for (const { folder } of members) new HubPart(folder, ...servers).start()
    const fleet = join(first.folder, 'fleet')
    // It knows the third one alone.
    const host = new HostPart('h1', first.folder, fleet, third.server)
    host.start()
    await host.tell(3)
    await expect.poll(() => host.outbox.waiting().count, patience).toBe(0)
    revoke('h1', new HubFolder(fleet), Date.now())
    await expect.poll(() => host.notes.join(), patience).toContain('uthorization')
  }, 200_000)
})
