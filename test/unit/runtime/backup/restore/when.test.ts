import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pickPoint } from '../../../../../runtime/backup/restore/when.ts'
import type { PointKind, RestorePoint } from '../../../../../runtime/host/points/restore-point.ts'

const zone = process.env.TZ

beforeEach(() => {
  process.env.TZ = 'Europe/Berlin'
})
afterEach(() => {
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

function point(at: string, kind: PointKind = 'weekday', name = at.slice(0, 10)): RestorePoint {
  return { id: `var@${name}`, source: 'var', kind, at, target: 'disk', path: `/disk/${name}` }
}

// A Sunday, 04:00 in Berlin.
const now = Date.parse('2026-11-29T03:00:00Z')

const points = [
  point('2026-11-29T01:00:00Z', 'mirror', 'latest'),
  point('2026-11-29T01:00:00Z'),
  point('2026-11-28T01:00:00Z'),
  point('2026-11-27T22:30:00Z', 'weekday', 'late'),
  point('2026-11-24T01:00:00Z'),
  point('2026-11-23T23:30:00Z', 'weekday', 'midnight'),
  point('2026-10-25T00:30:00Z', 'kept', 'summer'),
  point('2026-05-31T01:00:00Z', 'kept'),
]

const pick = (when: string | undefined) => pickPoint(when, points, 'var', now).id

describe('pickPoint()', () => {
  test.each([
    [undefined, 'var@latest'],
    ['latest', 'var@latest'],
    ['Latest', 'var@latest'],
    ['Sunday', 'var@latest'],
    ['sat', 'var@2026-11-28'],
    // By the clock of this machine, 23:30 in UTC is the next day.
    ['tuesday', 'var@2026-11-24'],
    ['Friday', 'var@late'],
    ['2026-11-28', 'var@2026-11-28'],
    ['2026-11-24', 'var@2026-11-24'],
    ['2026-11-24T00:30', 'var@midnight'],
    ['2026-11-24T00:29', 'var@summer'],
    ['2026-11-24 03:00', 'var@2026-11-24'],
    ['2026-11-24T03:00:10', 'var@2026-11-24'],
    ['2026-11-24T01:00Z', 'var@2026-11-24'],
    ['2026-11-24T01:00:00+02:00', 'var@summer'],
    ['2h', 'var@latest'],
    ['3h', 'var@2026-11-28'],
    ['1d', 'var@2026-11-28'],
    ['3d', 'var@2026-11-24'],
    ['1w', 'var@summer'],
    ['1mo', 'var@summer'],
    ['5mo', 'var@2026-05-31'],
    ['var@summer', 'var@summer'],
  ])('%s is %s', (when, id) => {
    expect(pick(when)).toBe(id)
  })

  test.each([
    ['Thursday', 'no restore point of Thursday'],
    ['2026-11-26', 'no restore point of 2026-11-26'],
    ['2026-05-31T01:00', 'no restore point from 2026-05-31T01:00 or before'],
    ['2y', 'no restore point that is 2y old'],
    ['var@2020-01-01', 'no restore point var@2020-01-01'],
    ['home@latest', 'home@latest is no restore point of var'],
    ['2026-02-30', '"2026-02-30" is no moment'],
    ['2026-11-24T25:00', 'is no moment'],
    ['3m', '"3m" is no moment'],
    ['yesterday', '"yesterday" is no moment'],
  ])('refuses %s', (when, message) => {
    expect(() => pick(when)).toThrow(message)
  })

  test('says what there is', () => {
    const refused = () => pickPoint('Monday', points.slice(0, 3), 'var', now)
    expect(refused).toThrow(
      expect.objectContaining({
        hint: 'there is var@latest (Sunday 2026-11-29 02:00), var@2026-11-29 (Sunday 2026-11-29 02:00), var@2026-11-28 (Saturday 2026-11-28 02:00)',
      }),
    )
    expect(() => pickPoint('latest', [], 'var', now)).toThrow('there is no restore point of var')
  })

  test('takes the newest archive for `latest` where there is no mirror', () => {
    expect(pickPoint('latest', points.slice(2), 'var', now).id).toBe('var@2026-11-28')
  })

  test('refuses a time that comes twice, unless both mean the same restore point', () => {
    // 02:30 was at 00:30 and at 01:30 in UTC.
    expect(() => pick('2026-10-25T02:30')).not.toThrow()
    const between = [...points, point('2026-10-25T01:00:00Z', 'kept', 'winter')]
    expect(() => pickPoint('2026-10-25T02:30', between, 'var', now)).toThrow('comes twice')
    expect(pickPoint('2026-10-25T01:30Z', between, 'var', now).id).toBe('var@winter')
    expect(pickPoint('2026-10-25T03:00', between, 'var', now).id).toBe('var@winter')
  })

  test('reads a time that clocks skip as if they had not been set', () => {
    const spring = [point('2026-03-29T01:15:00Z'), point('2026-03-29T00:30:00Z', 'weekday', 'before')]
    expect(pickPoint('2026-03-29T02:30', spring, 'var', now).id).toBe('var@2026-03-29')
  })

  test('counts months to the last day of a shorter one', () => {
    const endOfMay = Date.parse('2026-05-31T10:00:00Z')
    const both = [point('2026-04-30T11:00:00Z', 'weekday', 'too-new'), point('2026-04-30T09:00:00Z')]
    expect(pickPoint('1mo', both, 'var', endOfMay).id).toBe('var@2026-04-30')
  })

  const moments = fc.date({
    min: new Date('2001-01-01T00:00:00Z'),
    max: new Date('2040-01-01T00:00:00Z'),
    noInvalidDate: true,
  })

  test('takes the newest of those that are not after a moment', () => {
    fc.assert(
      fc.property(fc.uniqueArray(moments, { minLength: 1, selector: Number }), moments, (dates, moment) => {
        const all = dates.map((date, n) => point(date.toISOString(), 'kept', String(n)))
        const when = new Date(Math.floor(Number(moment) / 1000) * 1000).toISOString().replace('.000', '')
        const before = dates.filter((date) => date <= new Date(when)).map(Number)
        const found = () => Date.parse(pickPoint(when, all, 'var', now).at)
        if (before.length === 0) expect(found).toThrow('no restore point')
        else expect(found()).toBe(Math.max(...before))
      }),
    )
  })

  test('finds every restore point by its own local time, unless that comes twice', () => {
    fc.assert(
      fc.property(moments, (date) => {
        const two = (part: number) => String(part).padStart(2, '0')
        const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
        const minute = `${two(date.getHours())}:${two(date.getMinutes())}`
        const whole = new Date(Math.floor(Number(date) / 60_000) * 60_000)
        const only = [point(whole.toISOString())]
        expect(pickPoint(day, only, 'var', now)).toBe(only[0])
        try {
          expect(pickPoint(`${day}T${minute}`, only, 'var', now)).toBe(only[0])
        } catch (error) {
          expect((error as Error).message).toContain('comes twice')
        }
      }),
    )
  })
})
