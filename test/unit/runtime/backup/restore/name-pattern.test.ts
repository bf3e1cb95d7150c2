import { expect, test } from 'vitest'
import { namePattern } from '../../../../../runtime/backup/restore/name-pattern.ts'

test.each([
  ['ann', 'mail/ann', true],
  ['ann', 'mail/anna', false],
  ['an*', 'mail/anna', true],
  ['*', 'a/b/c', true],
  ['?', 'a/é', true],
  ['[a-c]x', 'q/bx', true],
  ['[!a-c]x', 'q/bx', false],
  ['[]x]', ']', true],
  ['a.b', 'axb', false],
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
  ['mail/*', 'mail/ann', true],
  ['/mail/*', 'mail/ann', true],
  ['mail/*', 'mail/ann/x', false],
  ['mail/**', 'mail/ann/x', true],
  ['**/x', 'mail/ann/x', true],
  ['a(b', 'a(b', true],
])('%s takes %s: %s', (pattern, path, is) => {
  expect(namePattern(pattern)(path)).toBe(is)
})
