import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { longestRetryAfterMs, nextTryAt, retryDelayMs } from '../../../../runtime/core/retry.ts'

const tries = fc.integer({ min: 1, max: 10_000 })
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const backoff = fc
  .tuple(fc.nat(10 ** 9), fc.nat(10 ** 9))
  .map(([minMs, more]) => ({ minMs, maxMs: minMs + more }))

describe('retryDelayMs()', () => {
  test('stays between minMs and maxMs, in whole milliseconds', () => {
    fc.assert(
      fc.property(tries, backoff, random, (count, { minMs, maxMs }, chance) => {
        const delay = retryDelayMs(count, { minMs, maxMs }, chance)
        expect(delay).toBeGreaterThanOrEqual(minMs)
        expect(delay).toBeLessThanOrEqual(maxMs)
        expect(Number.isInteger(delay)).toBe(true)
      }),
    )
  })

  test('never shrinks from one try to the next, by the same luck', () => {
    fc.assert(
      fc.property(tries, backoff, random, (count, limits, chance) => {
        expect(retryDelayMs(count + 1, limits, chance)).toBeGreaterThanOrEqual(
          retryDelayMs(count, limits, chance),
        )
      }),
    )
  })

  test.each([
    [1, 200],
    [2, 400],
    [3, 800],
    [4, 1000],
    [5, 1000],
  ])('lets its reach grow twofold up to maxMs: after try %i to %i ms', (count, ceiling) => {
    expect(retryDelayMs(count, { minMs: 100, maxMs: 1000 }, 1)).toBe(ceiling)
    expect(retryDelayMs(count, { minMs: 100, maxMs: 1000 }, 0)).toBe(100)
  })

  test('waits for minMs when the limits are the wrong way round', () => {
    expect(retryDelayMs(3, { minMs: 500, maxMs: 100 }, 0.9)).toBe(500)
  })

  test('spreads what failed together', () => {
    const delays = Array.from({ length: 50 }, () => retryDelayMs(5, { minMs: 1000, maxMs: 30_000 }))
    expect(new Set(delays).size).toBeGreaterThan(40)
  })
})

describe('nextTryAt()', () => {
  const policy = { limit: 3, minDelayMs: 1000, maxDelayMs: 1000 }
  const now = 1_000_000
  const pause = (
    made: Partial<{ tries: number; eventAt: number }>,
    within?: number,
    retryAfterMs?: number,
  ) => {
    const limits = { ...policy, ...(within !== undefined && { withinMs: within }) }
    const at = nextTryAt({ tries: 1, eventAt: now, ...made }, limits, now, retryAfterMs)
    return at === undefined ? undefined : at - now
  }

  test('gives up when the tries are used up, or the event is too old', () => {
    expect(pause({ tries: 2 })).toBe(1000)
    expect(pause({ tries: 3 })).toBeUndefined()
    expect(pause({ eventAt: now - 4999 }, 5000)).toBe(1000)
    expect(pause({ eventAt: now - 5000 }, 5000)).toBeUndefined()
  })

  test('waits as long as it is asked to, but not for ever', () => {
    expect(pause({}, undefined, 90_000)).toBe(90_000)
    expect(pause({}, undefined, 10)).toBe(1000)
    expect(pause({}, undefined, 10 ** 12)).toBe(longestRetryAfterMs)
  })

  test('is not led astray by a clock that was set back', () => {
    expect(pause({ eventAt: now + 86_400_000 }, 5000)).toBe(1000)
  })
})
