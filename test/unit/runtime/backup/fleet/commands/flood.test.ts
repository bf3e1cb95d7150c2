import { expect, test } from 'vitest'
import { Flood } from '../../../../../../runtime/backup/fleet/commands/flood.ts'

/** Of so many messages at once, those that are not passed over. */
function taken(flood: Flood, count: number, { bytes = 1000, now = 0 } = {}): number {
  const some = Array.from({ length: count }, () => flood.enter(bytes, now))
  const entered = some.filter((flaw) => flaw === undefined)
  for (const _ of entered) flood.leave(bytes)
  return entered.length
}

test('Flood lets a week of commands through at once, and then some in a second', () => {
  const flood = new Flood(0)
  expect(taken(flood, 100_000)).toBe(500)
  expect(taken(flood, 100_000, { now: 1000 })).toBe(20)
  expect(taken(flood, 100_000, { now: 3_600_000 })).toBe(500)
})

test('Flood passes over what is larger than any command, and what does not fit into little memory', () => {
  const flood = new Flood(0)
  expect(flood.enter(1024 * 1024, 0)).toBe('it is too large')
  const waiting = Array.from({ length: 100 }, () => flood.enter(64 * 1024, 0))
  expect(waiting.filter((flaw) => flaw === undefined)).toHaveLength(32)
  expect(waiting.at(-1)).toBe('too much waits already')
  flood.leave(64 * 1024)
  expect(flood.enter(64 * 1024, 0)).toBeUndefined()
})
