import { afterEach, describe, expect, test, vi } from 'vitest'
import { localTime, painter, printable, visibleWidth, wrapList } from '../../../../runtime/cli/format.ts'

afterEach(() => vi.unstubAllEnvs())

const red = (text: string) => `\u001b[31m${text}\u001b[39m`

describe('visibleWidth()', () => {
  test.each([
    ['plain', 5],
    [red('red'), 3],
    ['日本語', 6],
    ['e\u0301', 1],
    ['', 0],
  ])('of %j is %i', (text, width) => {
    expect(visibleWidth(text)).toBe(width)
  })
})

describe('wrapList()', () => {
  test('breaks after a comma', () => {
    expect(wrapList(['one', 'two', 'three', 'four'], 9)).toBe('one, two,\nthree,\nfour')
  })

  test('leaves a word whole that is too wide by itself', () => {
    expect(wrapList(['snapshot.overflowed', 'x'], 5)).toBe('snapshot.overflowed,\nx')
  })
})

test('printable() disarms what a terminal would obey', () => {
  expect(printable('a\u001b[2Jb\u202ec é 日')).toBe('a\\u{1b}[2Jb\\u{202e}c é 日')
})

test('localTime() shows the clock of the machine', () => {
  vi.stubEnv('TZ', 'Europe/Vienna')
  expect(localTime(Date.UTC(2026, 10, 22, 0, 57, 3))).toBe('2026-11-22 01:57:03')
  expect(localTime(Date.UTC(2026, 5, 1, 22, 0, 0))).toBe('2026-06-02 00:00:00')
})

describe('painter()', () => {
  test('without colour changes nothing', () => {
    const paint = painter(false)
    expect([paint.bold('x'), paint.state('failed'), paint.state('unheard of')]).toEqual([
      'x',
      'failed',
      'unheard of',
    ])
  })
})
