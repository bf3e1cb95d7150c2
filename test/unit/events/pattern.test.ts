import { expect, test } from 'vitest'
import { matchesEvent } from '../../../events/pattern.ts'

test.each([
  ['run.*', 'run.failed', true],
  ['run.failed', 'run.failed', true],
  ['*', 'run.failed', true],
  ['*.failed', 'source.failed', true],
  ['run.*', 'runs.failed', false],
  ['run.failed', 'runxfailed', false],
  ['run.f', 'run.failed', false],
])('matchesEvent(%j, %j) is %s', (pattern, type, matches) => {
  expect(matchesEvent(pattern, type)).toBe(matches)
})
