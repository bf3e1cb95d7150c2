import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { SqliteBus } from '../../../../../../../runtime/core/bus/sqlite/bus.ts'
import { inMemory, openDatabase, storeFile } from '../../../../../../../runtime/core/bus/sqlite/database.ts'
import { Outbox, tellHubOf } from '../../../../../../../runtime/core/bus/sqlite/fleet/outbox.ts'
import { event, owed } from '../../../../../../contract/publication.ts'
import { temporaryFolder } from '../../../../../temporary-folder.ts'

function open(directory = inMemory, types = ['light.on']) {
  const database = openDatabase(directory)
  const bus = new SqliteBus(database, directory)
  let isOpen = true
  const close = () => {
    if (isOpen) bus.close()
    isOpen = false
  }
  onTestFinished(close)
  return { bus, database, close, outbox: types.length > 0 ? new Outbox(database, types) : undefined }
}

function withOutbox(directory?: string) {
  const opened = open(directory)
  if (!opened.outbox) throw new Error('there is none')
  return { ...opened, outbox: opened.outbox }
}

const publish = (bus: SqliteBus, ...ids: string[]) =>
  bus.publish(ids.map((id) => ({ event: event(id), deliveries: [] })))
const triggers = (database: DatabaseSync) =>
  database.prepare("SELECT name FROM sqlite_schema WHERE name = 'told_to_hub'").all()
const idsIn = (outbox: Outbox) => outbox.after(0, 100).map(({ seq, event: { id } }) => `${seq} ${id}`)

describe('an outbox', () => {
  test('has a row for each event of its types, whichever way it comes, numbered without a gap', async () => {
    const { bus, outbox } = withOutbox()
    await publish(bus, 'a', 'b')
    await bus.publish([{ event: event('other', { type: 'light.off' }), deliveries: [] }])
    await bus.exchange({
      now: 0,
      renew: [],
      settle: [],
      publish: [owed('c', {}, { runid: 'r' })],
      claim: 1,
      leaseMs: 1000,
    })
    const held = { event: event('d', { runid: 'h' }), deliveries: [{ function: 'f', runAt: 2 ** 53 - 1 }] }
    await bus.publish([held])
    await bus.withdraw('h', [{ event: event('e'), deliveries: [] }])
    expect(idsIn(outbox)).toEqual(['1 a', '2 b', '3 c', '4 d', '5 e'])
    expect(outbox.after(2, 1)).toEqual([
      {
        seq: 3,
        previous: 'b',
        event: { id: 'c', type: 'light.on', time: event('c').time, run: 'r', data: { id: 'c' } },
      },
    ])
    expect(outbox.waiting()).toEqual({ count: 5, since: event('a').time })
  })

  test('has none for an event that is there already, nor for one whose transaction is taken back', async () => {
    const { bus, outbox } = withOutbox()
    await publish(bus, 'a')
    await publish(bus, 'a')
    expect(() => bus.publishWith(() => [{ event: event('b'), deliveries: [] }, owedTwice('c')])).toThrow(
      'twice',
    )
    expect(idsIn(outbox)).toEqual(['1 a'])
  })

  test('is empty without a fleet, and nothing is written for it', async () => {
    const { bus, database } = open(inMemory, [])
    await publish(bus, 'a')
    const count = (table: string) => database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n
    expect([count('outbox'), count('event')]).toEqual([0, 1])
    expect(triggers(database)).toEqual([])
    expect(database.prepare("SELECT count(*) AS n FROM meta WHERE key LIKE 'fleet.%'").get()?.n).toBe(0)
  })

  test('has what another process writes beside this one, until the host is in no fleet any more', async () => {
    const folder = temporaryFolder()
    const { bus, outbox, database } = withOutbox(folder)
    const beside = open(folder, [])
    await publish(bus, 'a')
    await publish(beside.bus, 'b')
    expect(idsIn(outbox)).toEqual(['1 a', '2 b'])
    const { epoch } = outbox
    expect(outbox.release({ epoch, seq: 2, id: 'b' })).toBe('released')
    await publish(beside.bus, 'c')
    expect(idsIn(outbox)).toEqual(['3 c'])
    expect(outbox.after(0, 1)[0]?.previous).toBe('b')
    tellHubOf(database, ['light.on', 'light.off'])
    await beside.bus.publish([{ event: event('d', { type: 'light.off' }), deliveries: [] }])
    expect(idsIn(outbox)).toEqual(['3 c', '4 d'])
    tellHubOf(database, [])
    expect(triggers(database)).toEqual([])
    await publish(beside.bus, 'e')
    expect(idsIn(outbox)).toEqual(['3 c', '4 d'])
  })

  test('changes no table when it is opened once more', () => {
    const folder = temporaryFolder()
    withOutbox(folder).close()
    const { database } = open(folder, [])
    const version = () => database.prepare('PRAGMA schema_version').get()?.schema_version
    const before = version()
    withOutbox(folder)
    expect(version()).toBe(before)
  })

  test('lets go of what the hub has confirmed, and of nothing else; numbers go on', async () => {
    const { bus, outbox } = withOutbox()
    const { epoch } = outbox
    await publish(bus, 'a', 'b', 'c')
    expect(outbox.release({ epoch: 'another', seq: 3, id: 'c' })).toBe('nothing')
    expect(outbox.release({ epoch, seq: 2, id: 'b' })).toBe('released')
    expect(outbox.release({ epoch, seq: 2, id: 'b' })).toBe('nothing')
    expect(outbox.release({ epoch, seq: 1, id: 'a' })).toBe('nothing')
    expect(outbox.release({ epoch, seq: 3, id: 'c' })).toBe('released')
    await publish(bus, 'd')
    expect(idsIn(outbox)).toEqual(['4 d'])
    expect(outbox.after(0, 1)[0]?.previous).toBe('c')
    expect(outbox.released).toBe(3)
  })

  test('is kept over a restart, with its epoch; another state directory has another one', async () => {
    const folder = temporaryFolder()
    const first = withOutbox(folder)
    await publish(first.bus, 'a', 'b')
    first.outbox.release({ epoch: first.outbox.epoch, seq: 1, id: 'a' })
    const { epoch } = first.outbox
    first.close()
    const { outbox } = withOutbox(folder)
    expect([outbox.epoch, outbox.released, idsIn(outbox)]).toEqual([epoch, 1, ['2 b']])
    expect(withOutbox(temporaryFolder()).outbox.epoch).not.toBe(epoch)
  })

  test.each([
    ['a number that this store has not come to', 9, 'z'],
    ['another event under a number that waits', 3, 'z'],
    ['another event under the number that was released last', 1, 'z'],
  ])(
    'numbers what waits anew, in a new epoch, when the hub confirms %s: it was put back to an older copy',
    async (_, seq, id) => {
      const { bus, outbox } = withOutbox()
      const { epoch } = outbox
      await publish(bus, 'a', 'b', 'c')
      outbox.release({ epoch, seq: 1, id: 'a' })
      expect(outbox.release({ epoch, seq, id })).toBe('renewed')
      expect(outbox.epoch).not.toBe(epoch)
      expect([outbox.released, idsIn(outbox)]).toEqual([0, ['1 b', '2 c']])
      await publish(bus, 'd')
      expect(idsIn(outbox)).toEqual(['1 b', '2 c', '3 d'])
    },
  )

  test('comes with the store of an earlier version, of which a copy is kept', async () => {
    const folder = join(temporaryFolder(), 'state')
    mkdirSync(folder)
    const stores = join(import.meta.dirname, '../../../../../../contract/stores')
    writeFileSync(join(folder, storeFile), gunzipSync(readFileSync(join(stores, 'released-0.1.0.db.gz'))))
    const { bus, outbox } = withOutbox(folder)
    expect(readdirSync(folder).filter((name) => name.endsWith('.backup'))).toHaveLength(1)
    expect(outbox.waiting().count).toBe(0)
    await publish(bus, 'a')
    expect(idsIn(outbox)).toEqual(['1 a'])
  })
})

function owedTwice(id: string) {
  return {
    event: event(id),
    deliveries: [
      { function: 'f', runAt: 0 },
      { function: 'f', runAt: 0 },
    ],
  }
}
