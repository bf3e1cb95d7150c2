import { expect, test } from 'vitest'
import {
  type FleetPause,
  pauseFor,
  withoutPause,
  withPause,
} from '../../../../../../runtime/backup/fleet/slots/pauses.ts'

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
