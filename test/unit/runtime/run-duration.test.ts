import { expect, test } from 'vitest'
import type { RunResult } from '../../../events/index.ts'
import { nothingDone } from '../../../runtime/backup/summary.ts'
import { resultText } from '../../../runtime/cli/view/result.ts'
import { neverBegan, notBegun, tookMs } from '../../../runtime/run-duration.ts'

const resultOf = (fields: Partial<RunResult> = {}): RunResult => ({
  run: 'abc',
  state: 'cancelled',
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:00:23.000Z',
  sources: [nothingDone('var', 'cancelled', `cancelled by \`hdsync cancel\` ${notBegun}`)],
  ...fields,
})

test('a run that was cancelled while it waited took no time', () => {
  expect(neverBegan(resultOf())).toBe(true)
  expect(tookMs(resultOf())).toBeUndefined()
  expect(resultText(resultOf(), { colour: false, width: 80 })).toMatch(/^run abc cancelled before it began$/m)
})

test('one that was cancelled later took as long as it did, whatever the clock does', () => {
  const sources = [nothingDone('var', 'cancelled', 'sync.run: cancelled')]
  expect(tookMs(resultOf({ sources }))).toBe(23_000)
  expect(tookMs(resultOf({ sources, endedAt: null }))).toBeUndefined()
  expect(tookMs(resultOf({ sources, endedAt: '2025-12-31T00:00:00.000Z' }))).toBe(0)
  expect(neverBegan(resultOf({ sources: [] }))).toBe(false)
})
