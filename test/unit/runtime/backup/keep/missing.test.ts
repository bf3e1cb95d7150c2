import { expect, test } from 'vitest'
import type { Envelope } from '../../../../../events/index.ts'
import { isMissing, nightsLookedAt, notThere, prunedOf } from '../../../../../runtime/backup/keep/missing.ts'
import type { RestorePoint } from '../../../../../runtime/host/points/restore-point.ts'

const monday = '/mnt/hdd9/Monday/var.tar.zst'

function point(kind: RestorePoint['kind'], path: string, at = '2026-11-23T04:15:00Z'): RestorePoint {
  return { id: `var@${path}`, source: 'var', kind, at, target: 'hdd9', path }
}

function kept(time: string, pruned: string[]): Envelope {
  return {
    ...{ specversion: '1.0', id: time, source: '/hdsync', type: 'source.kept', time, subject: 'var' },
    ...{ datacontenttype: 'application/json', attempt: 1 },
    data: { source: 'var', kept: [], added: [], pruned },
  }
}

const pathsOf = (points: RestorePoint[]) => points.map(({ path }) => path)

test('what is on record and not on its disk is missing, but for a mirror, which may be empty', () => {
  const recorded = [
    point('mirror', '/mnt/hdd1/var'),
    point('weekday', monday),
    point('weekday', '/mnt/hdd9/Tuesday/var.tar.zst'),
    point('kept', '/mnt/hdd9/kept/2026-10-01/var.tar.zst'),
    point('copy', '/mnt/usb/kept/2026-10-01/var.tar.zst'),
  ]
  const seen = [{ path: '/mnt/hdd9/Tuesday/var.tar.zst' }]
  expect(pathsOf(notThere(recorded, seen).filter((one) => isMissing(one, prunedOf([]))))).toEqual([
    monday,
    '/mnt/hdd9/kept/2026-10-01/var.tar.zst',
    '/mnt/usb/kept/2026-10-01/var.tar.zst',
  ])
})

test('what was pruned is not missing, unless it was made again since', () => {
  const missing = (at: string, events: Envelope[]) =>
    isMissing(point('weekday', monday, at), prunedOf(events))
  const events = [kept('2026-11-26T04:20:00Z', []), kept('2026-11-25T04:20:00Z', [monday])]
  expect(missing('2026-11-23T04:15:00Z', events)).toBe(false)
  expect(missing('2026-11-30T04:15:00Z', events)).toBe(true)
})

test('of what is older than the pruning that is read nothing is said', () => {
  const events = Array.from({ length: nightsLookedAt }, () => kept('2026-11-25T04:20:00Z', []))
  expect(isMissing(point('weekday', monday), prunedOf(events))).toBe(false)
})
