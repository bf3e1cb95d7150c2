import fc from 'fast-check'
import { expect, test } from 'vitest'
import { namePattern } from '../../../../../runtime/backup/restore/name-pattern.ts'
import { pathText } from '../../../../../runtime/host/points/path-text.ts'

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
  expect(namePattern(pattern).takes(path)).toBe(is)
})

test.each([
  ['*.jpg', ['.jpg']],
  ['img_[0-9]*.jpeg', ['.jpeg']],
  ['a\\*bc?', ['a*bc']],
  ['*grüße*', ['grüße', Buffer.from('grüße', 'latin1')]],
  ['*отчёт*', ['отчёт']],
  ['*', []],
  ['*mail/ann*', ['ann']],
  ['mail/**n', ['n']],
  ['**/mail/*', []],
])('a name that %s takes has one of these in it', (pattern, texts) => {
  expect(namePattern(pattern).within).toEqual(texts.map((text) => Buffer.from(text)))
})

/** A few characters, so that patterns take something: of one byte in UTF-8, of more, and bytes that are none. */
const pieces = ['a', 'b', '/', 'é', 'ж', '😀'].map((text) => Buffer.from(text))
const name = fc
  .array(fc.constantFrom(...pieces, Buffer.from([0xe9])), { minLength: 1, maxLength: 6 })
  .map((parts) => Buffer.concat(parts))
const pattern = fc
  .array(fc.constantFrom(...'ab/éж😀', '*', '**', '?', '[!a]', '[/b]', '\\/'), { maxLength: 6 })
  .map((parts) => parts.join(''))

test('the last name of whatever a pattern takes has one of the texts in it', () => {
  fc.assert(
    fc.property(pattern, name, (wanted, path) => {
      const { takes, within } = namePattern(wanted)
      const last = path.subarray(path.lastIndexOf('/') + 1)
      if (takes(pathText(path)) && within.length > 0)
        expect(within.some((text) => last.includes(text))).toBe(true)
    }),
    { numRuns: 20_000 },
  )
})

test.each([`${'*?'.repeat(99)}Z`, `/${'**a'.repeat(60)}/*Z`, `${'*a'.repeat(90)}Z*`])(
  'many stars take no longer than few: %s',
  (pattern) => {
    const { takes } = namePattern(pattern)
    const began = performance.now()
    for (let n = 0; n < 100; n++) expect(takes(`${'a'.repeat(254)}`)).toBe(false)
    // A regular expression goes back more often than there are atoms.
    expect(performance.now() - began).toBeLessThan(5000)
  },
)
