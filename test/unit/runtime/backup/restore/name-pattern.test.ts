import { expect, test } from 'vitest'
import { namePattern, textWithin } from '../../../../../runtime/backup/restore/name-pattern.ts'

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
  ['**/x', 'x', false],
  ['a/**b*/?', 'a/c/d/bcd/é', true],
  ['a/**b*/?', 'a/c/d/bcd/é/f', false],
  ['*a*b', 'x/a1ab', true],
  ['[z-a]', 'b', false],
  ['[!z-a]', 'b', true],
  ['[&~]x', '&x', true],
  ['[a', '[a', true],
  ['😀?', '😀😀', true],
  ['a(b', 'a(b', true],
])('%s takes %s: %s', (pattern, path, is) => {
  expect(namePattern(pattern)(path)).toBe(is)
})

test.each([
  ['*.jpg', '.jpg'],
  ['img_[0-9]*.jpeg', '.jpeg'],
  ['a\\*bc?', 'a*bc'],
  ['*grüße*', 'gr'],
  ['*', ''],
  ['mail/*', ''],
])('a name that %s takes has %j in it', (pattern, text) => {
  expect(textWithin(pattern)).toBe(text)
})

test.each([`${'*?'.repeat(99)}Z`, `/${'**a'.repeat(60)}/*Z`, `${'*a'.repeat(90)}Z*`])(
  'many stars take no longer than few: %s',
  (pattern) => {
    const matches = namePattern(pattern)
    const began = performance.now()
    for (let n = 0; n < 100; n++) expect(matches(`${'a'.repeat(254)}`)).toBe(false)
    // A regular expression goes back more often than there are atoms.
    expect(performance.now() - began).toBeLessThan(5000)
  },
)
