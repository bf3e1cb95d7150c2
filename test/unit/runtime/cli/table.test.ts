import { describe, expect, test } from 'vitest'
import { visibleWidth } from '../../../../runtime/cli/format.ts'
import { table } from '../../../../runtime/cli/table.ts'

const red = (text: string) => `\u001b[31m${text}\u001b[39m`

describe('table()', () => {
  test('aligns text to the left and quantities to the right, and leaves no space at the end of a line', () => {
    const rows = [
      ['NAME', 'FILES', 'DATA', 'TOOK', 'PATH'],
      ['var', '1,204', '3.4 MiB', '1m 30s', '/a/long/path'],
      ['mail', '7', '-', '12ms', '-'],
    ]
    expect(table(rows)).toBe(
      [
        'NAME  FILES     DATA    TOOK  PATH',
        'var   1,204  3.4 MiB  1m 30s  /a/long/path',
        'mail      7        -    12ms  -',
        '',
      ].join('\n'),
    )
  })

  test('counts what is seen: no colours, and wide characters twice', () => {
    expect(
      table([
        ['A', 'B'],
        [red('x'), '1'],
        ['日本', '2'],
      ]),
    ).toBe(`A     B\n${red('x')}     1\n日本  2\n`)
  })

  test('keeps the lines of a cell below each other', () => {
    expect(
      table([
        ['A', 'B', 'C'],
        ['x', 'one,\ntwo', 'z'],
      ]),
    ).toBe('A  B     C\nx  one,  z\n   two\n')
  })

  test('of nothing is nothing', () => {
    expect(table([])).toBe('')
  })

  const rows = [
    ['ID', 'WHEN', 'FILES', 'SOURCE', 'NONE', 'ARCHIVE'],
    ['4000', '2026-11-22 01:57:03', '1,234,567', 'home', '-', '/mnt/week/Tuesday/home-of-everybody.tar.zst'],
    ['4001', '2026-11-23 01:57:03', '1', red('a-source-of-a-very-long-name'), '-', '-'],
  ]

  test('leaves out a column in which no row has a value', () => {
    expect(table(rows)).not.toContain('NONE')
    expect(
      table([
        ['A', 'B'],
        ['1', '-'],
        ['2', ''],
      ]),
    ).toBe('A\n1\n2\n')
    expect(
      table([
        ['A', 'B'],
        ['1', '0'],
      ]),
    ).toBe('A  B\n1  0\n')
  })

  test('shortens nothing without a width', () => {
    expect(table(rows)).toContain('/mnt/week/Tuesday/home-of-everybody.tar.zst')
  })

  test.each([140, 110, 100, 90, 80])(
    'fits into %i columns, the longest texts shortened, numbers whole',
    (width) => {
      const lines = table(rows, width).trimEnd().split('\n')
      expect(Math.max(...lines.map(visibleWidth))).toBeLessThanOrEqual(width)
      expect(lines[1]).toMatch(/^4000 {2}2026-11-22 01:57:03 {2}1,234,567 {2}home /)
      expect(lines.join('').includes('…')).toBe(width < 115)
    },
  )

  test('keeps the colour of what it shortens', () => {
    expect(table([['A'], [red('abcdefghijklmnopqrstuvwxyz')]], 15)).toBe(`A\n${red('abcdefghijklmn…')}\n`)
  })

  test('never cuts numbers, times and short words, however narrow the terminal is', () => {
    const lines = table(rows, 10).split('\n')
    expect(lines[1]).toBe('4000  2026-11-22 01:57:03  1,234,567  home          /mnt/week/T…')
  })
})

test('table() never cuts the id of a restore point', () => {
  const long = 'a text that is long enough to be cut'
  const lines = table(
    [
      ['ID', 'WHAT'],
      ['home@kept-2026-11-22', long],
      ['home@latest', long],
    ],
    40,
  )
  expect(lines).toContain('home@kept-2026-11-22  a text that is lo…\n')
})
