import { describe, expect, test } from 'vitest'
import {
  forecast,
  type Item,
  isDue,
  isSpent,
  minus,
  nextItem,
} from '../../../../../runtime/backup/proof/items.ts'

const item = (path: string, provenAt: number): Item => ({
  kind: 'archive',
  source: 'var',
  path,
  file: path,
  sizeBytes: 100,
  leftBytes: 100,
  provenAt,
})

test('nextItem() is what was not proven for the longest time, and nothing that was in this run', () => {
  const items = [item('b', 20), item('a', 10), item('c', 50)]
  expect(nextItem(items, 40)?.path).toBe('a')
  expect(nextItem(items.slice(2), 40)).toBeUndefined()
})

test('a budget is spent when its time is over, or its bytes are read; without limits never', () => {
  expect(isSpent({ until: 100, bytesLeft: null }, 99)).toBe(false)
  expect(isSpent({ until: 100, bytesLeft: null }, 100)).toBe(true)
  expect(isSpent(minus({ until: null, bytesLeft: 10 }, 10), 0)).toBe(true)
  expect(isSpent(minus({ until: null, bytesLeft: null }, 10), 1e15)).toBe(false)
})

describe('forecast()', () => {
  const items = [item('a', 0), item('b', 0)]
  test('of all at once', () => {
    const limits = { budgetMs: undefined, bytes: undefined, everyMs: undefined }
    expect(forecast(items, limits, 100)).toEqual({ totalBytes: 200, bytes: 200, ms: 2000, turnMs: 2000 })
  })
  test('by a budget of time or bytes takes as many runs as it needs, and the last of them', () => {
    const day = 86_400_000
    const limits = { budgetMs: 1000, bytes: 50, everyMs: day }
    expect(forecast(items, limits, 100)).toEqual({
      ...{ totalBytes: 200, bytes: 50, ms: 500 },
      turnMs: 3 * day + 500,
    })
  })
})

test('forecast() tells what is really read: of what is read in one go all, beyond the budget', () => {
  const limits = { budgetMs: undefined, bytes: 150, everyMs: undefined }
  const large = { ...item('large', 5), sizeBytes: 900, leftBytes: 900, inOneGo: true }
  expect(forecast([large, item('a', 0)], limits, 100).bytes).toBe(1000)
  expect(forecast([{ ...large, inOneGo: false }, item('a', 0)], limits, 100).bytes).toBe(150)
  expect(forecast([large, item('a', 0), item('b', 0)], { ...limits, bytes: 200 }, 100).bytes).toBe(200)
})

test('isDue() once `every` has nearly passed: nights do not take equally long', () => {
  expect(isDue(undefined, 1000, 0)).toBe(true)
  expect(isDue(100, 1000, 999)).toBe(false)
  expect(isDue(100, 1000, 1000)).toBe(true)
  expect(isDue(5000, 1000, 1000)).toBe(true)
})
