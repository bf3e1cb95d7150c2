import { linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nightOf, timeOn } from '../../../../../runtime/host/points/archive-night.ts'
import { pointsOn } from '../../../../../runtime/host/points/find-points.ts'
import { writeMarker } from '../../../../../runtime/host/target/marker.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const local = (text: string) => new Date(text).getTime()

function file(path: string, time: string, contents = path): void {
  writeFileSync(path, contents)
  utimesSync(path, local(time) / 1000, local(time) / 1000)
}

describe('pointsOn()', () => {
  test('finds mirrors and archives, and trusts no name', async () => {
    const disk = temporaryFolder()
    await writeMarker(disk, 'disk', 0)
    for (const name of [
      'var',
      'empty',
      'Saturday',
      'Sunday',
      'kept',
      'kept/2026-10-31',
      'lost+found',
      '.hidden',
      'kept/2026-02-31',
    ])
      mkdirSync(join(disk, name))
    writeFileSync(join(disk, 'var/file'), '')
    file(join(disk, 'Saturday/var.tar.zst'), '2026-11-28T02:00:00')
    file(join(disk, 'Saturday/.home.tar.zst.hdsync-part'), '2026-11-28T02:00:00')
    file(join(disk, 'Saturday/..tar.zst'), '2026-11-28T02:00:00')
    file(join(disk, 'Saturday/notes.txt'), '2026-11-28T02:00:00')
    file(join(disk, 'Sunday/home.tar.gz'), '2026-11-22T02:00:00')
    file(join(disk, 'Sunday/home.tar'), '2026-11-29T02:00:00', 'four')
    file(join(disk, 'kept/2026-10-31/var.tar.zst'), '2026-11-01T00:10:00')
    file(join(disk, 'kept/2026-02-31/var.tar.zst'), '2026-11-01T00:10:00')
    symlinkSync(join(disk, 'var'), join(disk, 'linked'))
    symlinkSync(join(disk, 'Saturday'), join(disk, 'Monday'))
    symlinkSync(join(disk, 'Saturday/var.tar.zst'), join(disk, 'Sunday/var.tar.zst'))
    const points = pointsOn({ target: 'disk', path: disk })
    expect(points.map(({ id, kind, at }) => [id, kind, kind === 'mirror' ? '' : at])).toEqual([
      ['var@latest', 'mirror', ''],
      ['var@2026-11-28', 'weekday', new Date('2026-11-28T02:00:00').toISOString()],
      ['home@2026-11-29', 'weekday', new Date('2026-11-29T02:00:00').toISOString()],
      ['var@kept-2026-10-31', 'kept', new Date('2026-11-01T00:10:00').toISOString()],
    ])
    expect(points.find(({ source }) => source === 'home')).toMatchObject({
      path: join(disk, 'Sunday/home.tar'),
      sizeBytes: 4,
      target: 'disk',
    })
    const some = pointsOn({ target: 'disk', path: disk, mirrors: ['linked', 'nothing'], archives: ['home'] })
    expect(some.map(({ id }) => id)).toEqual(['home@2026-11-29'])
  })

  test('gives a weekday the day of the kept archive that is the same file', () => {
    const disk = temporaryFolder()
    for (const name of ['Saturday', 'kept', 'kept/2020-11-28']) mkdirSync(join(disk, name))
    file(join(disk, 'Saturday/var.tar.zst'), '2020-11-28T02:00:00')
    linkSync(join(disk, 'Saturday/var.tar.zst'), join(disk, 'kept/2020-11-28/var.tar.zst'))
    expect(pointsOn({ target: 'disk', path: disk }).map(({ id }) => id)).toEqual([
      'var@2020-11-28',
      'var@kept-2020-11-28',
    ])
  })
})

describe('nightOf()', () => {
  test.each([
    // Written, last linked, names, and the weekday that it stands for.
    ['2026-11-28T02:00', '2026-11-28T02:00', 1, 'Saturday', '2026-11-28'],
    ['2026-11-29T01:00', '2026-11-29T01:00', 1, 'Saturday', '2026-11-28'],
    // Copied to another disk: the time of change tells of the copy alone.
    ['2026-11-21T02:00', '2026-11-29T01:00', 1, 'Saturday', '2026-11-21'],
    // An unchanged mirror: Tuesday's archive is Monday's file.
    ['2026-11-23T02:00', '2026-11-25T02:00', 3, 'Monday', '2026-11-23'],
    ['2026-11-23T02:00', '2026-11-25T02:00', 3, 'Tuesday', '2026-11-24'],
    ['2026-11-23T02:00', '2026-11-25T02:00', 3, 'Wednesday', '2026-11-25'],
    // And so on, for more than a week.
    ['2026-11-16T02:00', '2026-11-25T02:00', 7, 'Tuesday', '2026-11-24'],
    ['2026-11-16T02:00', '2026-11-25T02:00', 7, 'Thursday', '2026-11-19'],
    // Nothing fits: the next such day.
    ['2026-11-23T02:00', '2026-11-23T02:00', 1, 'Friday', '2026-11-27'],
  ])('%s, linked %s with %i names, in %s: %s', (written, linked, names, weekday, day) => {
    expect(nightOf(weekday, { mtimeMs: local(written), ctimeMs: local(linked), names })).toBe(day)
  })

  test('never gives a moment of another day than the weekday or the morning after', () => {
    expect(timeOn('2026-11-24', local('2026-11-23T02:30:00'))).toBe(local('2026-11-24T02:30:00'))
    expect(timeOn('2026-11-28', local('2026-11-29T01:00:00'))).toBe(local('2026-11-29T01:00:00'))
  })
})
