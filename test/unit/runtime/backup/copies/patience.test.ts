import { expect, test } from 'vitest'
import { patiently } from '../../../../../runtime/backup/copies/patience.ts'

/** A clock on which each pause is over at once. */
function timeFlies(onPause: () => void = () => {}) {
  const pauses: number[] = []
  const clock = {
    now: () => 0,
    schedule(delayMs: number, callback: () => void) {
      pauses.push(delayMs)
      onPause()
      callback()
      return () => {}
    },
  }
  return { clock, pauses, waitedMs: () => pauses.reduce((sum, ms) => sum + ms, 0) }
}

test('it waits seconds, then longer and longer, for a quarter of an hour in all', async () => {
  const { clock, pauses, waitedMs } = timeFlies()
  const never = () => Promise.reject(new Error('later'))
  const { signal } = new AbortController()
  await expect(patiently(never, () => true, { clock, signal })).rejects.toThrow('later')
  expect(pauses.slice(0, 7)).toEqual([3000, 6000, 12_000, 24_000, 48_000, 60_000, 60_000])
  expect(waitedMs()).toBeGreaterThanOrEqual(15 * 60_000)
  expect(waitedMs()).toBeLessThan(17 * 60_000)
})

test('it ends with what comes of it, and at once where waiting does not help', async () => {
  const { clock, pauses } = timeFlies()
  const { signal } = new AbortController()
  let asked = 0
  const third = async () => {
    asked += 1
    if (asked < 3) throw new Error('later')
    return 'done'
  }
  expect(await patiently(third, () => true, { clock, signal })).toBe('done')
  expect(pauses).toHaveLength(2)
  const never = () => Promise.reject(new Error('never'))
  await expect(patiently(never, () => false, { clock, signal })).rejects.toThrow('never')
  expect(pauses).toHaveLength(2)
})

test('it is ended in the middle of a pause', async () => {
  const stop = new AbortController()
  let isForgotten = false
  const clock = {
    now: () => 0,
    schedule() {
      queueMicrotask(() => stop.abort(new Error('cancelled')))
      return () => {
        isForgotten = true
      }
    },
  }
  const later = () => Promise.reject(new Error('later'))
  await expect(patiently(later, () => true, { clock, signal: stop.signal })).rejects.toThrow('cancelled')
  expect(isForgotten).toBe(true)
})

test('what comes on makes it begin anew', async () => {
  const { clock, pauses } = timeFlies()
  const { signal } = new AbortController()
  let asked = 0
  const slowly = async (renew: () => void) => {
    asked += 1
    if (asked % 10 === 0) renew()
    if (asked < 100) throw new Error('cut off')
  }
  await patiently(slowly, () => true, { clock, signal })
  expect(pauses.slice(9, 11)).toEqual([3000, 6000])
})
