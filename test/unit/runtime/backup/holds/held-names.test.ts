import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  nameText,
  permittedBeyond,
  sortNames,
  summariseNames,
} from '../../../../../runtime/backup/holds/held-names.ts'

const files = (folder: string, count: number) => Array.from({ length: count }, (_, n) => `${folder}${n}`)

describe('summariseNames()', () => {
  test('counts a folder that goes with all that is in it, and other files to the folder that stays', () => {
    const names = ['old/', 'old/deep/', ...files('old/deep/', 3), 'old-1', 'mail/a', 'mail/b', 'top']
    expect(summariseNames(names)).toEqual({
      files: 7,
      folders: 2,
      byFolder: [
        { path: 'old/', files: 3, folders: 2, whole: true },
        { path: 'mail/', files: 2, folders: 0, whole: false },
        { path: '.', files: 2, folders: 0, whole: false },
      ],
    })
  })

  test('takes folders together where there are too many, and has the fullest first', () => {
    const names = [
      ...Array.from({ length: 50 }, (_, n) => files(`home/user${n}/cache/`, 2)).flat(),
      ...files('var/log/', 3),
    ]
    expect(summariseNames(names, 10).byFolder).toEqual([
      { path: 'home/', files: 100, folders: 0, whole: false },
      { path: 'var/log/', files: 3, folders: 0, whole: false },
    ])
  })

  test('leaves to the totals what is beyond the fullest', () => {
    const names = Array.from({ length: 30 }, (_, n) => `d${n}/`)
    const { byFolder, folders } = summariseNames(names, 10)
    expect([byFolder.length, folders]).toEqual([10, 30])
    expect(summariseNames([])).toEqual({ files: 0, folders: 0, byFolder: [] })
  })

  test('loses none and counts none twice, whatever the names', () => {
    const part = fc.string({ minLength: 1, maxLength: 2, unit: fc.constantFrom('a', 'b', '-', '\xff') })
    const path = fc.tuple(fc.array(part, { minLength: 1, maxLength: 4 }), fc.boolean())
    fc.assert(
      fc.property(
        fc.uniqueArray(path.map(([parts, isFolder]) => parts.join('/') + (isFolder ? '/' : ''))),
        (names) => {
          const { files, folders, byFolder } = summariseNames(names, 1000)
          const sum = (key: 'files' | 'folders') => byFolder.reduce((total, row) => total + row[key], 0)
          expect([sum('files'), sum('folders')]).toEqual([files, folders])
          expect(files + folders).toBe(names.length)
        },
      ),
    )
  })
})

describe('permittedBeyond()', () => {
  test('never permits more beside what was released than the limit', () => {
    const name = fc.constantFrom(...'abcdefgh')
    fc.assert(
      fc.property(fc.uniqueArray(name), fc.uniqueArray(name), fc.nat(8), (names, shown, limit) => {
        const released = new Set(shown)
        const others = names.filter((one) => !released.has(one)).length
        const permitted = permittedBeyond({ names, released, limit })
        expect(permitted === undefined).toBe(others > limit)
        if (permitted !== undefined) expect(permitted - (names.length - others)).toBe(limit)
      }),
    )
  })
})

test('nameText() is UTF-8, and whatever is not is escaped', () => {
  const bytes = (text: string) => Buffer.from(text).toString('latin1')
  expect(nameText(bytes('Müller/é'))).toBe('Müller/é')
  expect(nameText('a\xff\\#134')).toBe('a\\#377\\#134#134')
})

test('sortNames() puts a folder right before what is in it', () => {
  expect(sortNames(['a/b', 'a-', 'a/', 'b', '\xff', 'a/b/c'])).toEqual([
    'a-',
    'a/',
    'a/b',
    'a/b/c',
    'b',
    '\xff',
  ])
})
