import { expect, onTestFinished, test } from 'vitest'
import { catalogue, fleetPaused } from '../../../../../../events/index.ts'
import { HubSlots } from '../../../../../../runtime/backup/fleet/slots/hub-slots.ts'
import {
  type FleetPause,
  pauseFor,
  withoutPause,
  withPause,
} from '../../../../../../runtime/backup/fleet/slots/pauses.ts'
import { SqliteBus } from '../../../../../../runtime/core/bus/sqlite/bus.ts'
import { inMemory, openDatabase } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../../../../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { factPublication } from '../../../../../../runtime/core/publication.ts'
import { createRegistry } from '../../../../../../runtime/core/registry/registry.ts'

const at = '2026-11-30T02:00:00.000Z'
const web = { labels: ['web'], server: 'vault1' }

test('a pause is kept once, since when it began, and is gone once it is taken back', () => {
  const once = withPause([], { of: 'server', name: 'vault1' }, at)
  expect(withPause(once, { of: 'server', name: 'vault1' }, '2026-12-01T02:00:00.000Z')).toEqual(once)
  expect(once).toEqual([{ of: 'server', name: 'vault1', since: at }])
  expect(withoutPause(once, { of: 'label', name: 'vault1' })).toEqual(once)
  expect(withoutPause(once, { of: 'server', name: 'vault1' })).toEqual([])
})

test('a pause holds for the hosts of its server, or with its label, or all', () => {
  const holds = (...what: Parameters<typeof withPause>[1][]) =>
    pauseFor(
      what.reduce<FleetPause[]>((all, one) => withPause(all, one, at), []),
      web,
    ) !== undefined
  expect(holds()).toBe(false)
  expect(holds({ of: 'all' })).toBe(true)
  expect(holds({ of: 'server', name: 'vault1' })).toBe(true)
  expect(holds({ of: 'server', name: 'web' }, { of: 'label', name: 'vault1' })).toBe(false)
  expect(holds({ of: 'label', name: 'db' }, { of: 'label', name: 'web' })).toBe(true)
})

test('to let everything go on takes back every pause', () => {
  const both = withPause(withPause([], { of: 'all' }, at), { of: 'label', name: 'web' }, at)
  expect(withoutPause(both, { of: 'all' })).toEqual([])
})

test('a pause that another hub tells of late does not come back after it was ended', () => {
  const bus = new SqliteBus(openDatabase(inMemory), inMemory)
  onTestFinished(() => bus.close())
  const registry = createRegistry([], catalogue)
  const keep = (at: number, name?: string) => {
    const pauses = name === undefined ? [] : withPause([], { of: 'label', name }, new Date(at).toISOString())
    bus.publishWith(() => [factPublication(registry, fleetPaused, { pauses }, at)])
  }
  const start = Date.UTC(2026, 10, 29)
  const slots = () => {
    const common = { slots: {}, inbox: new Inbox(openDatabase(inMemory)), bus, registry, note() {} }
    const clock = { now: () => start, schedule: () => () => {} }
    return new HubSlots({
      ...common,
      clock,
      publishWith: (decide) => bus.publishWith(decide),
      isActive: () => true,
    })
  }
  keep(start + 2000)
  keep(start + 1000, 'web')
  expect(slots().pauses).toEqual([])
  // The clock of this hub is behind.
  slots().pause({ of: 'all' })
  expect(slots().pauses).toMatchObject([{ of: 'all' }])
})
