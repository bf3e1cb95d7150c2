import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countMissing, NameReader, type Names } from '../../../../runtime/host/names.ts'

function read(names: readonly string[], { seed = 1, pieces = [] as number[] } = {}): Names {
  const reader = new NameReader(seed)
  let bytes = Buffer.from(names.map((name) => `${name}\0`).join(''))
  for (const length of pieces) {
    reader.add(bytes.subarray(0, length))
    bytes = bytes.subarray(length)
  }
  reader.add(bytes)
  return reader.end()
}

const name = fc
  .string({ unit: 'binary', minLength: 1 })
  .filter((text) => !text.includes('\0') && text.isWellFormed())
const distinct = fc.uniqueArray(name)

describe('countMissing()', () => {
  test('counts as sets do', () => {
    fc.assert(
      fc.property(distinct, distinct, fc.integer(), (some, others, seed) => {
        const among = new Set(others)
        const expected = some.filter((one) => !among.has(one)).length
        expect(countMissing(read(some, { seed }), read(others, { seed }))).toBe(expected)
      }),
    )
  })

  test('does not depend on the order of the names, nor on the pieces they come in', () => {
    fc.assert(
      fc.property(distinct, fc.array(fc.nat(9)), (names, pieces) => {
        expect(read(names.toReversed(), { pieces })).toEqual(read(names))
      }),
    )
  })

  test('tells a folder from a file of the same name', () => {
    expect(countMissing(read(['d/a']), read(['f/a']))).toBe(1)
  })

  test('of none, and among none', () => {
    expect(countMissing(read([]), read(['f/a']))).toBe(0)
    expect(countMissing(read(['f/a', 'f/b']), read([]))).toBe(2)
  })
})

test('a million names that differ a little are a million, in 16 MB', () => {
  const reader = new NameReader(7)
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < 1000; n += 1) {
    reader.add(Buffer.from(Array.from({ length: 1000 }, (_, m) => `f/mail/cur/${n}:${m}\0`).join('')))
  }
  const names = reader.end()
  expect(new Set(names).size).toBe(1_000_000)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * 2 ** 20)
})

test('a last name that no NUL has ended is none', () => {
  const reader = new NameReader(1)
  reader.add(Buffer.from('f/a\0f/b'))
  expect(reader.end()).toEqual(read(['f/a']))
})
