import { existsSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { makeFleet } from './fleet.ts'
import { natsForTests } from './nats-server.ts'
import { HostPart, HubPart } from './parts.ts'

const { program, missing } = await natsForTests()

/** Connections, credentials and a store for each. */
const many = Number(process.env.HDSYNC_FLEET_HOSTS ?? 1000)

/**
 * Stores of so many machines are kept in memory where there is room: one disk, which each of their commits waits for, stands for a thousand
 * only in being slow. What a killed process leaves is the same there.
 */
function inMemory(): string | undefined {
  const folder = '/dev/shm'
  if (!existsSync(folder)) return undefined
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize > many * 2 ** 20 ? folder : undefined
}

test.skipIf(missing)(
  `${many} hosts tell twenty events each, while the server is killed six times, the hub twice and a tenth of the hosts: each arrives once and in order${missing}`,
  async () => {
    const { folder, server, broker } = await makeFleet(program, inMemory())
    const fleet = join(folder, 'fleet')
    const hub = new HubPart(folder, server)
    const hosts = Array.from({ length: many }, (_, n) => new HostPart(`h${n + 1}`, folder, fleet, server))
    new HubFolder(fleet).writeUsers()
    await broker.start()
    hub.start()
    for (const host of hosts) host.start()
    for (let round = 0; round < 6; round++) {
      for (const host of hosts) await host.tell(round < 2 ? 4 : 3)
      await broker.kill()
      if (round % 3 === 1) {
        await hub.kill()
        hub.start()
      }
      for (const host of hosts.filter((_, n) => n % 10 === round)) {
        await host.kill()
        host.start()
      }
      await broker.start()
    }
    const waits = () => hosts.reduce((sum, { outbox }) => sum + outbox.waiting().count, 0)
    await expect.poll(waits, { timeout: 300_000, interval: 1000 }).toBe(0)
    const arrived = hub.arrived()
    for (const { name, told } of hosts) expect(arrived.get(name), name).toEqual(told)
    expect(hosts.every(({ told }) => told.length === 20)).toBe(true)
  },
  600_000,
)
