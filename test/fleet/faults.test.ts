import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { makeFleet } from './fleet.ts'
import { natsForTests } from './nats-server.ts'
import { HostPart, HubPart } from './parts.ts'

const { program, missing } = await natsForTests()

/** A fleet of parts, its server running. */
async function fleetOf(count: number) {
  const { folder, server, broker } = await makeFleet(program)
  const fleet = join(folder, 'fleet')
  const hub = new HubPart(folder, server)
  const hosts = Array.from({ length: count }, (_, n) => new HostPart(`h${n + 1}`, folder, fleet, server))
  const list = new HubFolder(fleet)
  list.writeUsers()
  await broker.start()
  return { folder, server, broker, hub, hosts, list }
}

type Parts = Awaited<ReturnType<typeof fleetOf>>

const tellAll = (hosts: readonly HostPart[], count: number) =>
  Promise.all(hosts.map((host) => host.tell(count)))

/** Everything that was told has arrived: each event once, in order; and the hosts know it. */
async function expectAll({ hub, hosts }: Pick<Parts, 'hub' | 'hosts'>): Promise<void> {
  const waits = () => hosts.reduce((sum, { outbox }) => sum + outbox.waiting().count, 0)
  await expect.poll(waits, { message: 'events that wait for a receipt' }).toBe(0)
  const arrived = hub.arrived()
  for (const { name, told } of hosts) expect(arrived.get(name), name).toEqual(told)
}

describe.skipIf(missing)(`what hosts tell arrives once and in order${missing}`, () => {
  test('when the server is killed in the middle, and the hub too, again and again', async () => {
    const parts = await fleetOf(2)
    const { broker, hub, hosts } = parts
    hub.start()
    for (const host of hosts) host.start()
    for (let round = 0; round < 2; round++) {
      await tellAll(hosts, 20)
      await broker.kill()
      await tellAll(hosts, 10)
      await broker.start()
      await tellAll(hosts, 20)
      await hub.kill()
      await tellAll(hosts, 10)
      hub.start()
    }
    await expectAll(parts)
  })

  test('when the disk of the server is put back to an older copy', async () => {
    const parts = await fleetOf(2)
    const { broker, hub, hosts } = parts
    hub.start()
    for (const host of hosts) host.start()
    await tellAll(hosts, 30)
    await expectAll(parts)
    await broker.kill()
    broker.copyDisk()
    await broker.start()
    // Some arrive, some lie in the stream only, which the hub has not read.
    await tellAll(hosts, 30)
    await expectAll(parts)
    await hub.kill()
    await tellAll(hosts, 30)
    await broker.kill()
    broker.putDiskBack()
    await broker.start()
    await tellAll(hosts, 5)
    hub.start()
    await expectAll(parts)
    expect(hub.inbox.hosts().map(({ missing: lost }) => lost)).toEqual([0, 0])
  })

  test('when the hub is away while they tell, and a host is restarted', async () => {
    const parts = await fleetOf(1)
    const { hub, hosts } = parts
    const [host] = hosts as [HostPart]
    host.start()
    await host.tell(150)
    await host.kill()
    host.start()
    await host.tell(150)
    expect(host.outbox.waiting().count).toBe(300)
    hub.start()
    await expectAll(parts)
  })

  test('when the store of the hub is put back to an older copy', async () => {
    const parts = await fleetOf(1)
    const { hub, hosts } = parts
    const [host] = hosts as [HostPart]
    hub.start()
    host.start()
    await host.tell(20)
    await expectAll(parts)
    await hub.kill()
    hub.copyStore()
    hub.start()
    await host.tell(20)
    await expectAll(parts)
    await hub.kill()
    hub.putStoreBack()
    hub.start()
    await host.tell(1)
    await expectAll(parts)
  })

  test('when the store of a host is put back to an older copy: what it tells then is not taken for what it told before', async () => {
    const parts = await fleetOf(1)
    const { hub, hosts } = parts
    const [host] = hosts as [HostPart]
    hub.start()
    host.start()
    await host.tell(10)
    await expectAll(parts)
    await host.kill()
    host.copyStore()
    host.start()
    const { epoch } = host.outbox
    await host.tell(10)
    await expectAll(parts)
    await host.kill()
    host.putStoreBack()
    host.start()
    await host.tell(12)
    await expectAll(parts)
    expect(host.outbox.epoch).not.toBe(epoch)
    expect(hub.inbox.host('h1')?.epoch).toBe(host.outbox.epoch)
  })

  test('but nothing of a host whose rights were taken: it is cut off, and what it has told stays', async () => {
    const parts = await fleetOf(2)
    const { hub, hosts, list } = parts
    const [revoked, other] = hosts as [HostPart, HostPart]
    hub.start()
    for (const host of hosts) host.start()
    await tellAll(hosts, 5)
    await expectAll(parts)
    const known = list.host(revoked.name)
    if (known) list.keep({ ...known, key: null, revokedAt: new Date().toISOString() })
    list.writeUsers()
    expect(list.reloadBroker()).toBe(true)
    await expect.poll(() => revoked.notes.join()).toContain('uthorization')
    const told = [...revoked.told]
    await tellAll(hosts, 5)
    await expect.poll(() => other.outbox.waiting().count).toBe(0)
    expect(hub.arrived().get(revoked.name)).toEqual(told)
    expect(hub.arrived().get(other.name)).toEqual(other.told)
    expect(revoked.outbox.waiting().count).toBe(5)
  })
})
