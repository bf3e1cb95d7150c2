import { expect, onTestFinished, test } from 'vitest'
import {
  catalogue,
  fleetCommandRefused,
  fleetCommandTaken,
  fleetRunFailed,
  fleetVerifyFinished,
} from '../../../../../../events/index.ts'
import {
  cancelPublications,
  commandsToSend,
  givenCommands,
  givePublications,
  heldRunOf,
  withdrawPublications,
} from '../../../../../../runtime/backup/fleet/commands/given.ts'
import type { Publication } from '../../../../../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../../../../../runtime/core/bus/sqlite/bus.ts'
import { inMemory, openDatabase } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { factPublication } from '../../../../../../runtime/core/publication.ts'
import { createRegistry } from '../../../../../../runtime/core/registry/registry.ts'
import { newCommandKey } from '../../../../../../runtime/host/fleet/command-key.ts'

const registry = createRegistry([], catalogue)
const key = newCommandKey()
const start = Date.UTC(2026, 10, 29)
const hour = 3_600_000
const iso = (ms: number) => new Date(ms).toISOString()

/** A hub that has asked web1 and web2 for a backup an hour ago, for a day. */
function makeHub() {
  const bus = new SqliteBus(openDatabase(inMemory), inMemory)
  onTestFinished(() => bus.close())
  const options = { key, registry, forMs: 24 * hour, now: start }
  const put = (publications: Parameters<typeof bus.publishWith>[0]) => bus.publishWith(publications)
  const give = (type: string) => {
    const wishes = ['web1', 'web2'].map((host) => ({ host, type, request: {} }))
    const { ids, publications } = givePublications(wishes, options)
    put(() => publications)
    return ids as [string, string]
  }
  const ids = give('backup.start')
  const told = (host: string, run: string | null, data: object) =>
    ({ host, at: iso(start), run, labels: [], data }) as never
  /** As the hub keeps what a host tells. */
  const kept = ({ event, ...rest }: Publication, host: string, command: string) => ({
    ...rest,
    event: { ...event, source: `/hdsync/fleet/${host}`, id: `answer ${command}` },
  })
  const tell = {
    taken: (host: string, command: string, run: string | null) => {
      const data = told(host, null, { command, type: 'backup.start', run })
      const fact = factPublication(registry, fleetCommandTaken, data, start + hour)
      put(() => [kept(fact, host, command)])
    },
    refused: (host: string, command: string, reason: string) => {
      const data = told(host, null, { command, type: 'backup.start', reason })
      const fact = factPublication(registry, fleetCommandRefused, data, start + hour)
      put(() => [kept(fact, host, command)])
    },
    failed: (host: string, run: string, state = 'failed') => {
      const times = { startedAt: iso(start), endedAt: iso(start + hour) }
      const none = {
        mountTrials: 0,
        snapshotUsedPercent: null,
        filesTransferred: null,
        bytesTransferred: null,
      }
      const source = { source: 'home', state, ...none, filesDeleted: null, archive: null, error: 'no disk' }
      const data = told(host, run, { run, state, ...times, sources: [source] })
      put(() => [factPublication(registry, fleetRunFailed, data, start + hour)])
    },
  }
  const states = (now = start + 2 * hour) =>
    givenCommands(bus, [], now).map(({ host, state, reason }) => [host, state, reason])
  const toSend = (now = start + 2 * hour, host?: string) =>
    commandsToSend(bus, [], now, host).map((one) => one.host)
  return { bus, ids, tell, states, toSend, options, put }
}

test('commands wait until their hosts have answered, or their time is over', () => {
  const { states, toSend } = makeHub()
  expect(states()).toEqual([
    ['web1', 'waiting', null],
    ['web2', 'waiting', null],
  ])
  expect(toSend()).toEqual(['web1', 'web2'])
  expect(toSend(undefined, 'web2')).toEqual(['web2'])
  expect(states(start + 25 * hour).map(([, state]) => state)).toEqual(['expired', 'expired'])
  expect(toSend(start + 25 * hour)).toEqual([])
})

test('what a host answers counts for its own commands alone', () => {
  const { ids, tell, states, toSend } = makeHub()
  tell.refused('web2', ids[0], 'no')
  expect(states().map(([, state]) => state)).toEqual(['waiting', 'waiting'])
  tell.refused('web2', ids[1], 'no')
  tell.taken('web1', ids[0], 'r1')
  expect(states()).toEqual([
    ['web1', 'taken', null],
    ['web2', 'refused', 'no'],
  ])
  expect(toSend()).toEqual([])
  tell.failed('web2', 'r1')
  expect(states()[0]).toEqual(['web1', 'taken', null])
  tell.failed('web1', 'r1')
  expect(states()[0]).toEqual(['web1', 'failed', 'home: no disk'])
})

test('a run that has ended before the hub heard that it began has ended', () => {
  const { ids, tell, states } = makeHub()
  tell.failed('web1', 'r1')
  tell.taken('web1', ids[0], 'r1')
  expect(states()[0]).toEqual(['web1', 'failed', 'home: no disk'])
})

test('a host that tells without end hides its own ends alone, and its reasons are cut', () => {
  const { ids, tell, states } = makeHub()
  tell.taken('web1', ids[0], 'r1')
  tell.refused('web2', ids[1], 'x'.repeat(50_000))
  tell.failed('web1', 'r1')
  for (let n = 0; n < 5001; n++) tell.failed('web2', `flood ${n}`)
  expect(states()).toEqual([
    ['web1', 'failed', 'home: no disk'],
    ['web2', 'refused', 'x'.repeat(1000)],
  ])
})

test('what a host tells under the id of an answer to another command is none', () => {
  const { ids, tell, put, states } = makeHub()
  tell.taken('web1', 'another', 'r1')
  const data = { host: 'web1', at: iso(start), run: null, labels: [] }
  const other = { ...data, data: { command: 'another', type: 'backup.start', run: null } }
  const fact = factPublication(registry, fleetCommandTaken, other, start + hour)
  put(() => [{ ...fact, event: { ...fact.event, source: '/hdsync/fleet/web1', id: `answer ${ids[0]}` } }])
  expect(states()[0]).toEqual(['web1', 'waiting', null])
})

test('what waits for a host without rights is sent no more, and what it is at stays', () => {
  const { bus, ids, tell, states, toSend, options, put } = makeHub()
  tell.taken('web1', ids[0], 'r1')
  const { ids: ended, publications } = withdrawPublications(givenCommands(bus, [], start + hour), options)
  put(() => publications)
  expect(ended).toEqual([ids[1]])
  expect(states()).toEqual([
    ['web1', 'taken', null],
    ['web2', 'withdrawn', null],
  ])
  expect(toSend()).toEqual([])
})

test('what begins no run is done once it is taken', () => {
  const { ids, tell, states } = makeHub()
  tell.taken('web1', ids[0], null)
  expect(states()[0]).toEqual(['web1', 'succeeded', null])
})

test('a verification has ended as it says', () => {
  const { bus, ids, tell, states, put } = makeHub()
  tell.taken('web1', ids[0], 'r1')
  const data = { state: 'degraded', reason: 'two files rotted' }
  const event = factPublication(
    registry,
    fleetCommandTaken,
    {
      ...{ host: 'web1', at: iso(start), run: 'r1', labels: [] },
      data: { command: 'c', type: 't', run: null },
    },
    start + hour,
  )
  // As a newer host tells it, with whatever else.
  put(() => [
    {
      ...event,
      event: {
        ...event.event,
        id: 'e',
        type: fleetVerifyFinished.type,
        data: { host: 'web1', run: 'r1', data },
      },
    },
  ])
  expect(bus.events({ types: [fleetVerifyFinished.type] })).toHaveLength(1)
  expect(states()[0]).toEqual(['web1', 'degraded', 'two files rotted'])
})

test('what is cancelled is sent no more, and its host is told, also of a run that goes on; what is over is left', () => {
  const { bus, ids, tell, states, toSend, options, put } = makeHub()
  tell.taken('web1', ids[0], 'r1')
  const { ids: ended, publications } = cancelPublications(givenCommands(bus, [], start + hour), options)
  put(() => publications)
  expect(ended).toEqual(ids)
  expect(states().slice(0, 2)).toEqual([
    ['web1', 'taken', null],
    ['web2', 'withdrawn', null],
  ])
  const cancels = commandsToSend(bus, [], start + 2 * hour).map(({ text }) => JSON.parse(text))
  expect(cancels).toMatchObject([
    { host: 'web1', type: 'command.cancel', request: { command: ids[0], type: 'backup.start' } },
    { host: 'web2', type: 'command.cancel', request: { command: ids[1], type: 'backup.start' } },
  ])
  expect(toSend()).toEqual(['web1', 'web2'])
  // It came after all, before the hub had told the host.
  tell.taken('web2', ids[1], 'r2')
  expect(states()[1]).toEqual(['web2', 'taken', null])
  tell.failed('web1', 'r1', 'cancelled')
  tell.failed('web2', 'r2', 'cancelled')
  expect(cancelPublications(givenCommands(bus, [], start + hour), options).ids).toEqual([])
})

test('heldRunOf() is the run in which a source was held, unless a later one has told otherwise', () => {
  const { bus, tell } = makeHub()
  expect(heldRunOf(bus, 'web1', 'home')).toBeNull()
  tell.failed('web1', 'r1', 'held')
  tell.failed('web2', 'r2', 'held')
  expect(heldRunOf(bus, 'web1', 'home')).toBe('r1')
  expect(heldRunOf(bus, 'web1', 'www')).toBeNull()
  tell.failed('web1', 'r3')
  expect(heldRunOf(bus, 'web1', 'home')).toBeNull()
})
