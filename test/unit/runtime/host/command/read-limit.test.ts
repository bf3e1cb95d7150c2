import { expect, test } from 'vitest'
import { ReadLimit } from '../../../../../runtime/host/command/read-limit.ts'

/** A limit whose waiting moves the clock. */
function limited(bytesPerSecond: number) {
  let at = 0
  const signal = new AbortController().signal
  const limit = new ReadLimit(bytesPerSecond, signal, {
    now: () => at,
    async pause(ms) {
      at += ms
    },
  })
  return { limit, elapsed: () => at, idle: (ms: number) => (at += ms) }
}

test.each([
  [1_000_000, 64_000],
  [16_384, 100],
  [50_000_000, 4_194_304],
])('%i bytes a second, %i at a time, take as long as they may', async (bytesPerSecond, chunk) => {
  const { limit, elapsed } = limited(bytesPerSecond)
  let bytes = 0
  for (; bytes < 10 * bytesPerSecond; bytes += chunk) await limit.after(chunk)
  expect(elapsed()).toBeGreaterThanOrEqual((1000 * bytes) / bytesPerSecond - 100)
  expect(elapsed()).toBeLessThan((1000 * bytes) / bytesPerSecond + 100 + bytes / chunk)
})

test('what was not read while there was nothing to read is not made up for', async () => {
  const { limit, elapsed, idle } = limited(1000)
  await limit.after(1000)
  idle(3_600_000)
  const from = elapsed()
  await limit.after(10_000)
  expect(elapsed() - from).toBe(9900)
})

test('whoever stops does not wait', async () => {
  const controller = new AbortController()
  const waiting = new ReadLimit(1, controller.signal).after(1_000_000)
  controller.abort(new Error('cancelled'))
  await expect(waiting).rejects.toThrow()
})
