import { expect, test } from 'vitest'
import { keptInMemory, onceWith } from '../../../../runtime/core/once.ts'
import { TerminalError } from '../../../../runtime/errors.ts'

test('once() does something once, and gives what came of it to the next attempt', async () => {
  const kept = keptInMemory()
  let done = 0
  const does = () => ({ n: ++done, at: new Date(0), gone: undefined })
  const value = { n: 1, at: '1970-01-01T00:00:00.000Z' }
  // The same shape in both, as JSON has it.
  expect(await onceWith(kept)('ticket', does)).toStrictEqual(value)
  expect(await onceWith(kept)('ticket', does)).toStrictEqual(value)
  expect(await onceWith(kept)('other', does)).toMatchObject({ n: 2 })
})

test('once() keeps that nothing came of it, and nothing of what throws', async () => {
  const kept = keptInMemory()
  let done = 0
  for (let n = 0; n < 2; n++) expect(await onceWith(kept)('quiet', () => void done++)).toBeUndefined()
  expect(done).toBe(1)
  const failing = () => {
    done++
    throw new Error('not now')
  }
  for (let n = 0; n < 2; n++) await expect(onceWith(kept)('failing', failing)).rejects.toThrow('not now')
  expect(done).toBe(3)
})

test('once() does one thing once where it is asked for twice at the same time', async () => {
  const once = onceWith(keptInMemory())
  let done = 0
  const does = async () => ++done
  expect(await Promise.all([once('it', does), once('it', does)])).toEqual([1, 1])
})

test.each([
  ['what JSON cannot carry', () => 1n, /cannot be kept as JSON: .*BigInt/],
  ['too much', () => 'x'.repeat(2 ** 20), /1048578 bytes; 1048576 are the most/],
])('once() refuses %s', async (_, does, message) => {
  const attempt = onceWith(keptInMemory())('it', does as () => unknown)
  await expect(attempt).rejects.toThrow(message)
  await expect(attempt).rejects.toBeInstanceOf(TerminalError)
})
