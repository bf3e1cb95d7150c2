import { expect, test } from 'vitest'
import type { Envelope } from '../../../../../events/envelope.ts'
import { reachingBack, toldAt } from '../../../../../runtime/core/bus/reaching-back.ts'

/** An event a minute, the newest at 100 minutes. */
const all = Array.from(
  { length: 100 },
  (_, n) => ({ time: new Date((100 - n) * 60_000).toISOString() }) as Envelope,
)

function looked(sinceMinutes: number | undefined, events = all) {
  const limits: number[] = []
  const read = (limit: number) => {
    limits.push(limit)
    return events.slice(0, limit)
  }
  const since = sinceMinutes === undefined ? undefined : sinceMinutes * 60_000
  const found = reachingBack(read, { since, few: 10, most: 50 }, toldAt)
  return { found: found.length, limits }
}

test.each([
  ['a few where those reach back far enough', 95, { found: 10, limits: [10] }],
  ['more where they do not', 80, { found: 50, limits: [10, 50] }],
  ['as many as are wanted at most, where nothing says how far back', undefined, { found: 50, limits: [50] }],
])('reachingBack() reads %s', (_, since, expected) => expect(looked(since)).toEqual(expected))

test('reachingBack() reads once what is less than a few', () => {
  expect(looked(0, all.slice(0, 3))).toEqual({ found: 3, limits: [10] })
})
