import { describe, expect, test } from 'vitest'
import { parseSchedule } from '../../../../runtime/core/schedule.ts'
import { dueOf } from '../../../../runtime/core/scheduler.ts'

const minuteMs = 60_000

/** The first moments of a schedule after another one, in UTC. */
function moments(text: string, zone: string, from: string, count: number): string[] {
  const { nextAfter } = parseSchedule(text, zone)
  const found: number[] = []
  for (let at = Date.parse(from); found.length < count; ) {
    at = nextAfter(at) ?? Number.NaN
    found.push(at)
  }
  return found.map((at) => new Date(at).toISOString().slice(0, 16))
}

describe('parseSchedule()', () => {
  test.each([
    ['every 15m', '2026-01-01T00:01Z', ['2026-01-01T00:15', '2026-01-01T00:30']],
    ['*/15 * * * *', '2026-01-01T00:15Z', ['2026-01-01T00:30', '2026-01-01T00:45']],
    ['3:00', '2026-01-01T02:59Z', ['2026-01-01T03:00', '2026-01-02T03:00']],
    ['Sun 03:00', '2026-01-01T00:00Z', ['2026-01-04T03:00', '2026-01-11T03:00']],
    ['Mon..Wed,Sat 03:00', '2026-01-06T03:00Z', ['2026-01-07T03:00', '2026-01-10T03:00']],
    ['0 4 1 * *', '2026-01-01T04:00Z', ['2026-02-01T04:00', '2026-03-01T04:00']],
  ])('reads %s', (text, from, expected) => expect(moments(text, 'UTC', from, 2)).toEqual(expected))

  test.each([
    [
      'what the clocks skip comes at the end of the gap',
      '02:30',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      '2026-03-29T01:00',
    ],
    [
      'what they repeat comes once, at the first',
      '02:30',
      'Europe/Berlin',
      '2026-10-24T12:00Z',
      '2026-10-25T00:30',
    ],
    [
      'a midnight that is skipped is no lost day',
      '0 0 * * *',
      'America/Santiago',
      '2026-09-05T12:00Z',
      '2026-09-06T04:00',
    ],
  ])('keeps to local time: %s', (_, text, zone, from, expected) => {
    const [first, second] = moments(text, zone, from, 2)
    expect(first).toBe(expected)
    expect(Date.parse(`${second}Z`) - Date.parse(`${first}Z`)).toBeGreaterThan(22 * 60 * minuteMs)
  })

  test('what is due all the time is so in the repeated hour too', () => {
    expect(moments('*/30 * * * *', 'Europe/Berlin', '2026-10-24T23:59Z', 5)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T00:30',
      '2026-10-25T01:00',
      '2026-10-25T01:30',
      '2026-10-25T02:00',
    ])
  })

  test.each([
    '',
    'never',
    'every',
    'every 15',
    'every 0s',
    'Son 03:00',
    '24:00',
    '* * * * * *',
    '61 * * * *',
  ])('refuses %j, and says what to write', (text) => {
    expect(() => parseSchedule(text)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('is no schedule'),
        hint: expect.stringContaining('Sun 03:00'),
      }),
    )
  })
})

test('dueOf() is the last moment that has come, with the count of those before it', () => {
  const schedule = parseSchedule('every 15m')
  expect(dueOf(schedule, 0, 15 * minuteMs - 1)).toEqual({ at: undefined, missed: 0 })
  expect(dueOf(schedule, 0, 15 * minuteMs)).toEqual({ at: 15 * minuteMs, missed: 0 })
  expect(dueOf(schedule, 0, 50 * minuteMs)).toEqual({ at: 45 * minuteMs, missed: 2 })
  // A year of outage is not counted to its end.
  const year = 365 * 24 * 60 * minuteMs
  expect(dueOf(schedule, 0, year).missed).toBeLessThanOrEqual(1000)
})
