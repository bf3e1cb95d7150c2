import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { answerJoin, enrol, readCode, revoke } from '../../runtime/backup/fleet/enrol.ts'
import { eventStream } from '../../runtime/fleet-protocol.ts'
import { type BrokerDoor, connectToBroker, hear } from '../../runtime/host/fleet/connection.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { newNkey } from '../../runtime/host/fleet/nkey.ts'
import { makeFleet } from './fleet.ts'
import { natsForTests } from './nats-server.ts'
import { HostPart, HubPart } from './parts.ts'

const { program, missing } = await natsForTests()

/** A fleet of two hosts that have told ten events each; the first of them is taken over. */
async function takenOver() {
  const { folder, server, broker } = await makeFleet(program)
  const hub = new HubPart(folder, server)
  const fleet = join(folder, 'fleet')
  const [mine, other] = ['mine', 'other'].map((name) => new HostPart(name, folder, fleet, server)) as [
    HostPart,
    HostPart,
  ]
  const list = new HubFolder(fleet)
  list.writeUsers()
  await broker.start()
  hub.start()
  for (const host of [mine, other]) {
    host.start()
    await host.tell(10)
    await expect.poll(() => host.outbox.waiting().count).toBe(0)
  }
  await mine.kill()
  const watcher = await connected({
    ...list.door({ role: 'hub', servers: [server], folder: fleet }),
    name: 'watcher',
  })
  const manager = await jetstreamManager(watcher.connection)
  return { folder: fleet, server, broker, hub, mine, other, list, manager, ...(await connected(mine.door)) }
}

/** A connection, and what the server has refused it. */
async function connected(door: BrokerDoor) {
  const connection = await connectToBroker(door)
  onTestFinished(() => connection.close())
  const refused: string[] = []
  void (async () => {
    for await (const one of connection.status()) if (one.type === 'error') refused.push(one.error.message)
  })()
  return { connection, refused }
}

/** Lets the server say what it refuses. */
async function said(connection: { flush(): Promise<void> }): Promise<void> {
  await connection.flush()
  await sleep(50)
  await connection.flush()
}

describe.skipIf(missing)(`a host that was taken over${missing}`, () => {
  test('may publish nothing but what is its own, and hear nothing but its receipts', async () => {
    const { connection, refused, manager, hub, other } = await takenOver()
    const before = await manager.streams.info(eventStream)
    const forbidden = [
      ...['ev.other.run.failed', 'ev.mine2.run.failed', 'receipt.mine', 'receipt.other', 'joined.other'],
      ...['hub.have.other', 'hub.join.mine', 'hub.join.other', '$KV.conf.other'],
      ...['cmd.mine', 'cmd.other', 'cmd.mine.x', 'hub.ready.other', 'hub.ready.mine.x'],
      ...['hub.slot.other', 'hub.slot.mine.x', 'slot.mine', 'slot.other'],
      ...['PURGE', 'DELETE', 'UPDATE', 'INFO', 'MSG.GET', 'MSG.DELETE', 'SNAPSHOT'].map(
        (verb) => `$JS.API.STREAM.${verb}.EV`,
      ),
      ...['CONSUMER.CREATE.EV', 'CONSUMER.NAMES.EV', 'DIRECT.GET.EV', 'STREAM.CREATE.X', 'INFO'].map(
        (verb) => `$JS.API.${verb}`,
      ),
      ...['CONSUMER.CREATE.CMD', 'CONSUMER.MSG.NEXT.CMD.other', 'STREAM.CREATE.CMD'].map(
        (verb) => `$JS.API.${verb}`,
      ),
      ...[
        '$JS.ACK.EV.x.1.1.1.1.1',
        '$JS.ACK.CMD.other.1.1.1.1.1',
        '$SYS.REQ.SERVER.PING',
        '$SYS.REQ.USER.INFO',
        '_INBOX.hub.x',
      ],
    ]
    for (const subject of forbidden) connection.publish(subject, '{}')
    await said(connection)
    for (const subject of forbidden) expect(refused.join('\n')).toContain(`"${subject}"`)
    const deaf = [
      '>',
      'ev.>',
      'ev.mine.>',
      'receipt.*',
      'receipt.other',
      'cmd.other',
      'slot.other',
      'slot.*',
      'hub.slot.mine',
      'hub.slot.*',
      'cmd.*',
      'cmd.>',
      'hub.ready.*',
      'hub.>',
      '_INBOX.>',
      '$SYS.>',
      '$JS.>',
      'joined.mine',
    ]
    for (const subject of deaf) connection.subscribe(subject, { callback: () => {} })
    await said(connection)
    for (const subject of deaf) expect(refused.join('\n')).toContain(`"${subject}"`)
    expect((await manager.streams.info(eventStream)).state).toEqual(before.state)
    expect(hub.arrived().get('other')).toEqual(other.told)
  })

  test('cannot have the server do what it may not, by headers or by where an answer goes', async () => {
    const { connection, manager, hub, mine, other } = await takenOver()
    const before = (await manager.streams.info(eventStream)).state
    const own = 'ev.mine.run.succeeded'
    for (const [name, value] of [
      ['Nats-Rollup', 'all'],
      ['Nats-Rollup', 'sub'],
      ['Nats-TTL', '1s'],
      ['Nats-Schedule', '@every 1s'],
    ] as const) {
      const with_ = headers()
      with_.set(name, value)
      connection.publish(own, '{}', { headers: with_ })
    }
    const addressed = ['PURGE', 'DELETE', 'MSG.DELETE', 'UPDATE', 'RESTORE', 'SNAPSHOT'].map(
      (verb) => `$JS.API.STREAM.${verb}.EV`,
    )
    for (const reply of [
      ...addressed,
      'ev.other.run.failed',
      'receipt.other',
      'cmd.other',
      'hub.ready.other',
      'hub.join.other',
      'hub.have.other',
      '$SYS.REQ.SERVER.PING',
    ])
      connection.publish(own, '{"v":1}', { reply })
    await said(connection)
    const after = (await manager.streams.info(eventStream)).state
    expect(after.first_seq).toBe(before.first_seq)
    expect(after.messages).toBeGreaterThanOrEqual(before.messages)
    expect(after.num_deleted ?? 0).toBe(0)
    await other.tell(3)
    await expect.poll(() => other.outbox.waiting().count).toBe(0)
    expect(hub.arrived().get('other')).toEqual(other.told)
    expect(hub.arrived().get('mine')).toEqual(mine.told)
  })

  test('does not keep another one from telling what a process beside it has put into its store', async () => {
    const { hub, other } = await takenOver()
    await other.tellBeside()
    await expect.poll(() => hub.arrived().get('other')).toEqual(other.told)
    await expect.poll(() => other.outbox.waiting().count).toBe(0)
  })

  test('takes nobody’s place with an id that is taken: the other’s event arrives all the same', async () => {
    const { connection, hub, other } = await takenOver()
    const with_ = headers()
    with_.set('Nats-Msg-Id', 'other 11')
    connection.publish('ev.mine.run.succeeded', '{}', { headers: with_ })
    await said(connection)
    await other.tell(1)
    await expect.poll(() => other.outbox.waiting().count).toBe(0)
    expect(hub.arrived().get('other')).toEqual(other.told)
  })

  test('cannot get at what is in the stream even with the key of the hub: nothing is removed before its time', async () => {
    const { manager } = await takenOver()
    await expect(manager.streams.purge(eventStream)).rejects.toThrow()
    await expect(manager.streams.delete(eventStream)).rejects.toThrow()
    await expect(manager.streams.deleteMessage(eventStream, 1)).rejects.toThrow()
    expect((await manager.streams.info(eventStream)).state.num_deleted ?? 0).toBe(0)
  })

  test('cannot fill the disk of the server: the stream has a bound, which one that was made without it gets', async () => {
    const { manager, hub } = await takenOver()
    await hub.kill()
    const { config } = await manager.streams.info(eventStream)
    expect(config.max_bytes).toBe(256 * 2 ** 20)
    await manager.streams.update(eventStream, { ...config, max_bytes: -1 })
    hub.start()
    await expect
      .poll(async () => (await manager.streams.info(eventStream)).config.max_bytes)
      .toBe(256 * 2 ** 20)
  })

  test('is cut off once its rights are taken, its code too', async () => {
    const { connection, list, mine, server, folder } = await takenOver()
    const ca = list.door({ role: 'hub', servers: [server], folder }).ca
    const code = readCode(enrol('mine', list, { servers: [server], ca, now: Date.now() }))
    expect(revoke('mine', list, Date.now())).toBe(true)
    list.writeUsers()
    expect(list.reloadBroker()).toBe(true)
    await connection.closed()
    await expect(connectToBroker(mine.door)).rejects.toThrow(/authorization/i)
    await expect(connectToBroker({ ...mine.door, seed: code?.seed ?? '' })).rejects.toThrow(/authorization/i)
    await expect(connectToBroker({ ...mine.door, seed: newNkey().seed })).rejects.toThrow(/authorization/i)
  })

  test('does not take another server for the fleet’s: its certificate has to be vouched for', async () => {
    const { mine } = await takenOver()
    const another = await makeFleet(program)
    await another.broker.start()
    await expect(connectToBroker({ ...mine.door, servers: [another.server] })).rejects.toThrow(/certificate/i)
  })
})

test.skipIf(missing)('a host tells, and a hub hears, where one of them knows of no commands', async () => {
  const { folder, hub, other, list } = await takenOver()
  const file = join(folder, 'broker/users.conf')
  const now = readFileSync(file, 'utf8')
  const before = now.replaceAll(/"(?:cmd|hub\.ready)\.[^"]+",?/g, '').replaceAll(',]', ']')
  writeFileSync(file, before)
  expect(list.reloadBroker()).toBe(true)
  await other.kill()
  other.start()
  await other.tell(3)
  await expect.poll(() => other.outbox.waiting().count).toBe(0)
  await hub.kill()
  hub.start()
  expect(readFileSync(file, 'utf8')).toBe(now)
  await other.tell(3)
  await expect.poll(() => other.outbox.waiting().count).toBe(0)
  expect(hub.arrived().get('other')).toEqual(other.told)
})

test.skipIf(missing)(
  'a hub that comes before the server has read its rights hears its hosts once it has',
  async () => {
    const { folder, server, broker } = await makeFleet(program)
    const fleet = join(folder, 'fleet')
    const list = new HubFolder(fleet)
    list.writeUsers()
    const file = join(fleet, 'broker/users.conf')
    const now = readFileSync(file, 'utf8')
    writeFileSync(file, now.replace(',"hub.slot.*"', ''))
    await broker.start()
    const { connection, refused } = await connected(
      list.door({ role: 'hub', servers: [server], folder: fleet }),
    )
    const [heard, notes]: [string[], string[]] = [[], []]
    const note = (message: string) => void notes.push(message)
    hear(connection, 'hub.slot.*', note, ({ subject }) => void heard.push(subject), 50)
    await expect.poll(() => refused.length).toBeGreaterThan(1)
    writeFileSync(file, now)
    list.reloadBroker()
    const web1 = await hostIn(list, server)
    await expect
      .poll(() => {
        web1.publish('hub.slot.web1', '')
        return heard
      })
      .toContain('hub.slot.web1')
    expect(notes).toEqual([expect.stringContaining('does not let this machine hear hub.slot.*')])
    expect(connection.isClosed()).toBe(false)
  },
)

/** The connection of a host, web1. */
async function hostIn(list: HubFolder, server: string) {
  const { publicKey: key, seed } = newNkey()
  list.keep({ host: 'web1', key, code: null, enrolledAt: new Date().toISOString(), revokedAt: null })
  list.writeUsers()
  list.reloadBroker()
  const door = { servers: [server], ca: list.trusted, seed, name: 'web1' }
  return vi.waitFor(async () => (await connected(door)).connection, 20_000)
}

test('a code is good once, for a day, and for the key that was handed in', async () => {
  const { folder } = await makeFleet(program)
  const list = new HubFolder(join(folder, 'fleet'))
  const now = Date.now()
  const code = () => enrol('web1', list, { servers: ['tls://h:1'], ca: '', now })
  const ask = (host: string, key: string, at = now) =>
    answerJoin(host, Buffer.from(JSON.stringify({ v: 1, key })), list, at)
  const [one, two] = [newNkey().publicKey, newNkey().publicKey]
  expect(ask('web1', one)?.error).toContain('does not know')
  code()
  expect(ask('web1', one, now + 25 * 3_600_000)?.error).toContain('too old')
  expect(ask('web1', one)).toEqual({ v: 1, key: one, error: null })
  expect(ask('web1', one)?.error).toBeNull()
  expect(ask('web1', two)?.error).toContain('used already')
  expect(list.host('web1')?.key).toBe(one)
  code()
  expect(list.host('web1')?.key).toBe(one)
  expect(ask('web1', two)?.error).toBeNull()
  expect(list.host('web1')?.key).toBe(two)
  expect(answerJoin('web1', Buffer.from('hello'), list, now)).toBeUndefined()
})
