import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dataOf, runStarted, slotAwaited, slotTaken } from '../../events/index.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { openDatabaseForReading } from '../../runtime/core/bus/sqlite/database.ts'
import { type Machine, makeFleet } from './fleet.ts'
import { natsForTests } from './nats-server.ts'

const { program, missing } = await natsForTests()

const patient = { timeout: 60_000 }
const slot = '{ server: vault1 }'

async function startedFleet(slots: string) {
  const hub = await makeFleet(program, undefined, slots)
  await hub.broker.start()
  // It has heard of no host: it need not wait before it grants.
  return { hub, daemon: await hub.serve() }
}

/** What is on record of a host's runs, in its order. */
function recordOf({ folder }: Machine) {
  const state = join(folder, 'state')
  const database = openDatabaseForReading(state)
  if (!database) return []
  try {
    return new SqliteBus(database, state).events({})
  } finally {
    database.close()
  }
}

const runsOf = async (host: Machine): Promise<{ run: string; state: string; endedAt: string }[]> =>
  JSON.parse((await host.ok(['runs', '--json'])).out)

describe.skipIf(missing)(`nights that wait for a slot${missing}`, () => {
  test('a paused server: a night without a daemon waits and says so, others of its host do not, and it begins once that is over', async () => {
    const { hub } = await startedFleet('{ vault1: 1 }')
    const web1 = await hub.host('web1', [], slot)
    const first = await web1.ok(['run'])
    expect(first.err).toContain('waits for a slot of vault1')
    expect(first.err).toContain('has a slot of vault1')
    expect((await hub.ok(['fleet', 'status'])).out).not.toContain('vault1')

    await hub.ok(['fleet', 'pause', 'vault2'], 2)
    expect((await hub.ok(['fleet', 'pause', 'vault1'])).out).toContain('vault1 is paused since')
    const night = web1.ok(['run'])
    await expect
      .poll(async () => (await hub.ok(['fleet', 'status'])).out, patient)
      .toContain('vault1: 0 of 1 slots; 1 waiting (web1)')
    expect((await hub.status())[0]).toMatchObject({ slotServer: 'vault1', slot: { state: 'waits' } })
    expect((await web1.run('status')).out).toContain('waits for a slot of vault1, until')
    expect((await web1.ok(['runs'])).out).toContain('waiting')
    // Whoever says so waits for nothing, with a daemon or without.
    const web2 = await hub.host('web2', [], slot)
    const passed = 'does not wait for a slot of vault1, as it was told to'
    expect((await web2.ok(['run', '--no-slot'])).err).toContain(passed)
    const daemon = await web2.serve()
    expect((await web2.ok(['run', '--no-slot'])).err).toContain(passed)
    const waiting = web2.ok(['run'])
    await expect.poll(async () => (await web2.ok(['runs'])).out, patient).toContain('waiting')
    expect((await web2.ok(['run', '--no-slot'])).err).toContain(passed)
    expect((await waiting).err).toContain(passed)
    await daemon.kill('SIGTERM')
    expect((await hub.ok(['fleet', 'resume', 'vault1'])).out).toContain('nothing is paused')
    const { err } = await night
    expect(err).toContain('the hub has paused vault1')
    expect(err).toContain('has a slot of vault1')
    expect((await hub.ok(['fleet', 'status'])).out).not.toContain('vault1')
  })

  test('a daemon that is killed while its night waits takes it up again, as the same run', async () => {
    const { hub } = await startedFleet('{ vault1: 1 }')
    const web1 = await hub.host('web1', ['backup.start'], slot)
    await hub.ok(['fleet', 'pause'])
    const daemon = await web1.serve()
    void web1.run('run')
    const waits = () => recordOf(web1).filter(({ type }) => type === slotAwaited.type)
    await expect.poll(() => waits().length, patient).toBe(1)
    await daemon.kill()
    await web1.serve()
    expect((await hub.ok(['fleet', 'resume'])).out).toContain('nothing is paused')
    await expect.poll(() => runsOf(web1), patient).toMatchObject([{ state: 'succeeded' }])
    expect(waits()).toHaveLength(1)
    const taken = recordOf(web1).flatMap((event) => dataOf(slotTaken, event) ?? [])
    expect(taken).toMatchObject([{ server: 'vault1', without: null }])
  })

  test('hosts that the hub has make a backup do it one after the other where it says so, though there are more slots', async () => {
    const { hub } = await startedFleet('{ vault1: 8 }')
    const hosts = await Promise.all(
      ['web1', 'web2', 'web3'].map((name) => hub.host(name, ['backup.start'], slot)),
    )
    const other = await hub.host('db1', ['backup.start'])
    for (const host of [...hosts, other]) await host.ok(['run'])
    await Promise.all(hosts.map((host) => host.serve()))
    await hub.ok(['fleet', 'run', '--all', '--at-most', '1'], 2)
    await hub.ok(['fleet', 'run', 'db1', '--server', 'vault1'], 2)
    const { out, err } = await hub.ok([
      'fleet',
      'run',
      '--label',
      'web',
      '--server',
      'vault1',
      '--at-most',
      '1',
    ])
    expect(out.trim().split('\n').sort()).toEqual(
      ['web1', 'web2', 'web3'].map((name) => `${name}: backup.start: succeeded`),
    )
    expect(err).toContain('is going on there')
    const spans = await Promise.all(
      hosts.map(async (host) => {
        const [last] = await runsOf(host)
        const began = recordOf(host).find(
          ({ type, runid }) => type === runStarted.type && runid === last?.run,
        )
        return { from: began?.time ?? '', to: last?.endedAt ?? '' }
      }),
    )
    const inOrder = spans.sort((a, b) => (a.from < b.from ? -1 : 1))
    for (const [n, { to }] of inOrder.slice(0, -1).entries())
      expect(to <= (inOrder[n + 1]?.from ?? '')).toBe(true)
  })
})
