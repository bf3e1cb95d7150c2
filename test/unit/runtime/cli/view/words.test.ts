import { expect, test } from 'vitest'
import type { Envelope } from '../../../../../events/index.ts'
import { count, counted, wordsOf } from '../../../../../runtime/cli/view/words.ts'

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1_204_567, '1,204,567'],
])('%i is printed as %s', (value, text) => {
  expect(count(value)).toBe(text)
})

test('one is not several', () => {
  expect([counted(1, 'file'), counted(1204, 'file')]).toEqual(['1 file', '1,204 files'])
})

test.each([
  ['nothing', null],
  ['a text', 'no'],
  ['another shape', { reason: 7 }],
])('wordsOf() has none for what a host of the fleet tells with %s as its data', (_, data) => {
  const told = { host: 'web1', at: '2026-11-29T02:00:00.000Z', run: null, labels: [], data }
  const event = { type: 'fleet.copy.failed', data: told, attempt: 1 } as unknown as Envelope
  expect(wordsOf(event)).toBeUndefined()
})

test('wordsOf() says who told it', () => {
  const data = {
    state: 'failed',
    startedAt: null,
    endedAt: '2026-11-29T02:10:00.000Z',
    copies: [],
    reason: 'no disk',
  }
  const told = { host: 'web1', at: '2026-11-29T02:00:00.000Z', run: 'r', labels: [], data }
  const event = { type: 'fleet.copy.failed', data: told, attempt: 1 } as unknown as Envelope
  expect(wordsOf(event)).toBe('web1: COPY FAILED: no disk')
})
