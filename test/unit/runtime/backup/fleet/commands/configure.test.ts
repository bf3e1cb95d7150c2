import { expect, onTestFinished, test } from 'vitest'
import { catalogue, commandRefused, type Envelope } from '../../../../../../events/index.ts'
import { configWishes, setThere } from '../../../../../../runtime/backup/fleet/commands/configure.ts'
import { givePublications } from '../../../../../../runtime/backup/fleet/commands/given.ts'
import { SqliteBus } from '../../../../../../runtime/core/bus/sqlite/bus.ts'
import { inMemory, openDatabase } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { SqliteJournal } from '../../../../../../runtime/core/bus/sqlite/journal.ts'
import { factPublication } from '../../../../../../runtime/core/publication.ts'
import { createRegistry } from '../../../../../../runtime/core/registry/registry.ts'
import { newCommandKey } from '../../../../../../runtime/host/fleet/command-key.ts'
import { setOf } from '../../../config/pushed/own.ts'

const registry = createRegistry([], catalogue)
const key = newCommandKey()
const start = Date.UTC(2026, 10, 29)
const hour = 3_600_000

function makeHub() {
  const database = openDatabase(inMemory)
  const bus = new SqliteBus(database, inMemory)
  const journal = new SqliteJournal(database, catalogue)
  onTestFinished(() => bus.close())
  return {
    events: () => bus.events({}),
    /** As once a day, of what is older than `keep`. */
    prune(before: number) {
      while (journal.prune(before).more);
    },
    /** What the other hub has on record comes here only now. */
    take: (other: { events(): Envelope[] }) =>
      bus.publishWith(() => other.events().map((event) => ({ event, deliveries: [] }))),
    /** @returns The command. */
    set(now: number, keys: Record<string, string>, { unset = [] as string[], clear = false } = {}): string {
      const wishes = configWishes(['web1'], { set: setOf(keys), unset, clear }, { bus, now })
      const { ids, publications } = givePublications(wishes, { key, registry, forMs: 24 * hour, now })
      bus.publishWith(() => publications)
      return ids[0] ?? ''
    },
    refuse(command: string) {
      const data = { command, type: 'config.set', reason: 'no' }
      const { event } = factPublication(registry, commandRefused, data, start)
      const told = { host: 'web1', at: new Date(start).toISOString(), run: null, labels: [], data }
      const heard = {
        ...event,
        source: '/hdsync/fleet/web1',
        id: `answer ${command}`,
        type: 'fleet.command.refused',
      }
      bus.publishWith(() => [{ event: { ...heard, subject: 'web1', data: told }, deliveries: [] }])
    },
    last: (now = start) => setThere(bus, 'web1', now)[0],
    all: () => setThere(bus, 'web1', start).map(({ number }) => number),
  }
}

test('a change begins with what was set before, and its number is higher, also where the clock was set back', () => {
  const { set, last, all } = makeHub()
  set(start, { keep: '100d' })
  set(start - hour, { 'alert.after': '12h' })
  expect(last()).toMatchObject({ set: setOf({ keep: '100d', 'alert.after': '12h' }), state: 'waiting' })
  set(start, { keep: '120d' }, { unset: ['alert.after'] })
  expect(last()?.set).toEqual(setOf({ keep: '120d' }))
  set(start, { 'verify.every': '2h' }, { clear: true })
  expect(last()?.set).toEqual(setOf({ 'verify.every': '2h' }))
  expect(all()).toEqual([start + 3, start + 2, start + 1, start])
})

test('a change does not begin with what was refused, and does with what the host has not got yet', () => {
  const { set, refuse, last } = makeHub()
  set(start, { keep: '100d' })
  refuse(set(start, { maxDelete: '80%' }))
  expect(last()).toMatchObject({ state: 'refused', reason: 'no' })
  set(start, { 'alert.after': '12h' })
  expect(last()?.set).toEqual(setOf({ keep: '100d', 'alert.after': '12h' }))
  expect(last(start + 25 * hour)?.state).toBe('expired')
})

test('more than fits into a command is not sent', () => {
  const { set, last } = makeHub()
  const many = (from: number, to: number) =>
    Object.fromEntries(Array.from({ length: to - from }, (_, n) => [`sources.s${from + n}.maxDelete`, '1%']))
  set(start, many(0, 200))
  expect(() => set(start, many(200, 301))).toThrow('more than 300 keys')
  expect(last()?.set).toHaveLength(200)
})

test('what another hub had given before, and is known of later, is not what a change begins with', () => {
  const [first, second] = [makeHub(), makeHub()]
  first.set(start, { keep: '100d' })
  second.set(start + hour, { 'alert.after': '12h' })
  second.take(first)
  expect(second.last()?.set).toEqual(setOf({ 'alert.after': '12h' }))
  second.set(start + 2 * hour, { 'verify.every': '2h' })
  expect(second.last()?.set).toEqual(setOf({ 'alert.after': '12h', 'verify.every': '2h' }))
})

test('what is set is known for longer than the record is kept, and so is that something was refused', () => {
  const { set, refuse, last, prune, events } = makeHub()
  for (let n = 0; n < 30; n++) set(start + n, { keep: `${100 + n}d` })
  refuse(set(start + hour, { maxDelete: '80%' }))
  prune(start + 365 * 24 * hour)
  expect(events().length).toBeLessThan(25)
  expect(last()).toMatchObject({ state: 'refused' })
  set(start + 366 * 24 * hour, { 'alert.after': '12h' })
  expect(last()?.set).toEqual(setOf({ keep: '129d', 'alert.after': '12h' }))
})
