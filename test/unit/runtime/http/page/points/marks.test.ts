import { expect, test } from 'vitest'
import type { RestorePoint } from '../../../../../../runtime/host/points/restore-point.ts'
import { pointMark } from '../../../../../../runtime/http/page/points/marks.ts'
import { linkedIds } from '../../../../../../runtime/http/page/points/shown.ts'

function archive(name: string, kind: RestorePoint['kind'] = 'weekday'): RestorePoint {
  const [day = ''] = /\d{4}-\d\d-\d\d/.exec(name) ?? []
  const path = `/mnt/hdd9/${name}/var.tar.zst`
  return { id: `var@${name}`, source: 'var', kind, at: `${day}T02:15:00Z`, target: 'hdd9', path }
}

test.each([
  [{}, '○', 'there'],
  [{ provenAt: '2026-11-23' }, '●', 'read back and good'],
  [{ provenAt: '2026-11-23', provenRestoreAt: '2026-11-24' }, '●', 'restored by a drill'],
  [{ linked: true as const }, '◍', 'there, linked to the one before'],
  [{ linked: true as const, provenAt: '2026-11-23' }, '◍', 'read back and good, linked to the one before'],
  [{ linked: true as const, damaged: 'it has rotted' }, '■', 'damaged'],
  [{ missing: true as const, damaged: 'it has rotted' }, '□', 'missing'],
])('the mark of %j is %s, %s', (known, shape, word) => {
  expect(pointMark({ ...archive('2026-11-23'), ...known })).toMatchObject({ shape, word })
})

test('linked are archives of a later night that are names of the same file', () => {
  const points = [
    archive('2026-11-25'),
    archive('2026-11-24'),
    archive('2026-11-23'),
    archive('kept-2026-11-23', 'kept'),
    archive('usb-2026-11-24', 'copy'),
  ]
  const files = new Map([
    ['var@2026-11-23', '7 1'],
    ['var@kept-2026-11-23', '7 1'],
    ['var@2026-11-24', '7 1'],
    ['var@2026-11-25', '8 1'],
  ])
  expect([...linkedIds(points, files, [])]).toEqual(['var@2026-11-24'])
})

test('where blocks are shared, each has a file of its own: the record tells what had not changed', () => {
  const points = [archive('2026-11-24'), archive('2026-11-23')]
  const files = new Map([
    ['var@2026-11-23', '7 1'],
    ['var@2026-11-24', '8 1'],
  ])
  const night = { path: '/mnt/hdd9/2026-11-24/var.tar.zst', unchangedSince: '2026-11-23T02:20:00Z' }
  expect([...linkedIds(points, files, [{ ...night, file: '8 1' }])]).toEqual(['var@2026-11-24'])
  // Another file stands there since.
  expect([...linkedIds(points, files, [{ ...night, file: '6 1' }])]).toEqual([])
})

test('files of two disks may have the same name, and are two', () => {
  const points = [{ ...archive('2026-11-24'), target: 'other' }, archive('2026-11-23')]
  const files = new Map(points.map(({ id }) => [id, '7 1']))
  expect([...linkedIds(points, files, [])]).toEqual([])
})
