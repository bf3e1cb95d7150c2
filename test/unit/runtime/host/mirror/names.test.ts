import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countMissing, NameReader, type Names } from '../../../../../runtime/host/mirror/names.ts'

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

describe('with facts', () => {
  const readFacts = (
    entries: readonly (readonly [name: string, facts: string])[],
    pieces: number[] = [],
    picked?: Names,
  ) => {
    const reader = new NameReader(1, { withFacts: true, picked })
    let bytes = Buffer.from(entries.map(([name, facts]) => `${name}\0${facts}\0`).join(''))
    for (const length of pieces) {
      reader.add(bytes.subarray(0, length))
      bytes = bytes.subarray(length)
    }
    reader.add(bytes)
    return { names: reader.end(), ...reader.endFacts(), picked: reader.endPicked() }
  }
  const facts = fc.stringMatching(/^!?[0-9][0-9. ]*$/)

  test('names are as without, an entry is a name with its facts, and a mark tells what has changed', () => {
    fc.assert(
      fc.property(fc.dictionary(name, facts), fc.array(fc.nat(9)), (of, pieces) => {
        const entries = Object.entries(of)
        const plain = entries.map(([name, facts]) => [name, facts.replace('!', '')] as const)
        const { names, changed, entries: hashes } = readFacts(entries, pieces)
        expect(names).toEqual(read(entries.map(([name]) => name)))
        expect(hashes).toEqual(readFacts(plain).entries)
        expect(changed).toEqual(readFacts(entries.filter(([, facts]) => facts.startsWith('!'))).entries)
      }),
    )
  })

  test('names of some entries are picked as they are, without their types', () => {
    fc.assert(
      fc.property(fc.dictionary(name, facts), fc.array(fc.nat(9)), fc.nat(3), (of, pieces, nth) => {
        const entries = Object.entries(of).map(([name, facts]) => [`f/${name}`, facts] as const)
        const some = entries.filter((_, n) => n % 4 === nth)
        const { picked = new Uint8Array() } = readFacts(entries, pieces, readFacts(some).entries)
        expect(Buffer.from(picked).toString()).toBe(some.map(([name]) => `${name.slice(2)}\0`).join(''))
      }),
    )
  })

  test('an entry is another one when its facts are', () => {
    const one = readFacts([['f/a', '1 2']])
    for (const other of ['1 3', '1', '', '12'])
      expect(countMissing(one.entries as Names, readFacts([['f/a', other]]).entries as Names)).toBe(1)
  })

  test('what a name ends with does not pass for the beginning of its facts', () => {
    expect(
      countMissing(readFacts([['f/a1', '2']]).entries as Names, readFacts([['f/a', '12']]).entries as Names),
    ).toBe(1)
  })

  test('a mark within a name, or within facts, is none', () => {
    expect(readFacts([['!', '1!']]).changed).toHaveLength(0)
  })

  test('none are told where there are none', () => {
    const reader = new NameReader(1)
    reader.add(Buffer.from('f/a\0'))
    expect(reader.endFacts()).toBeUndefined()
  })
})

describe('with names that are kept', () => {
  const marked = fc.tuple(fc.constantFrom('>', '<', '#', 'f/', 'd/'), name)

  test('they come out as they went in, and no other name is touched by them', () => {
    fc.assert(
      fc.property(fc.array(marked), fc.array(fc.nat(9)), fc.boolean(), (records, pieces, withFacts) => {
        const isPlain = (mark: string) => mark.length === 2
        const line = ([mark, of]: [string, string]) =>
          `${mark}${of}\0${isPlain(mark) && withFacts ? '1 2\0' : ''}`
        const reader = new NameReader(1, { withKept: true, withFacts })
        let bytes = Buffer.from(records.map(line).join(''))
        for (const length of pieces) {
          reader.add(bytes.subarray(0, length))
          bytes = bytes.subarray(length)
        }
        reader.add(bytes)
        const of = (mark: string) =>
          records
            .filter(([one]) => one === mark)
            .map(([, text]) => `${text}\0`)
            .join('')
        const { suspects, others, oddTimes } = reader.endKept() ?? {}
        expect([suspects, others, oddTimes].map((one) => Buffer.from(one ?? []).toString())).toEqual([
          of('>'),
          of('<'),
          of('#'),
        ])
        expect(reader.end()).toEqual(
          read(records.filter(([mark]) => isPlain(mark)).map((one) => one.join(''))),
        )
      }),
    )
  })
})
