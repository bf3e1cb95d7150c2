import { expect, test } from 'vitest'
import {
  agoText,
  listText,
  nameText,
  plainText,
  richText,
  soonText,
  spanText,
} from '../../../../../../runtime/http/page/look/words.ts'

const hour = 3_600_000
const at = (text: string) => new Date(text).getTime()

test.each([
  [30_000, 'under a minute'],
  [61_000, '1 minute'],
  [119 * 60_000, '119 minutes'],
  [9 * hour, '9 hours'],
  [47 * hour, '47 hours'],
  [49 * hour, '2 days'],
])('spanText(%i) is %s', (ms, text) => expect(spanText(ms)).toBe(text))

test.each([
  ['2026-11-24T04:15:00', 'tonight 04:15'],
  ['2026-11-23T14:00:00', 'today 14:00'],
  ['2026-11-24T14:00:00', 'tomorrow 14:00'],
  ['2026-11-27T04:15:00', 'Fri 27 Nov 04:15'],
])('soonText() on Monday at noon: %s is %s', (time, text) => {
  expect(soonText(at(time), at('2026-11-23T12:00:00'))).toBe(text)
})

test('agoText() looks both ways', () => {
  expect(agoText(0, 2 * 24 * hour)).toBe('2 days ago')
  expect(agoText(3 * hour, 0)).toBe('in 3 hours')
  expect(agoText(10, 20)).toBe('just now')
})

test('names of any bytes are shown, and nothing in them is hidden', () => {
  expect(nameText(Buffer.from('a\u202egpj.exe'))).toBe('a\\u{202e}gpj.exe')
  expect(nameText(Buffer.from([0x61, 0xff, 0x0a]))).toBe('a\\xff\\x0a')
  expect(plainText('one\ntwo\u001b[31m')).toBe('one\ntwo\\x1b[31m')
  expect(listText(['a', 'b', 'c'])).toBe('a, b and c')
})

test('richText() sets what stands in backticks apart, and hides nothing', () => {
  expect(String(richText('say `a: <b>`; or `c'))).toBe('say <code>a: &lt;b&gt;</code>; or <code>c</code>')
  expect(String(richText('plain\u202e'))).toBe('plain\\u{202e}')
})
