import { describe, expect, test } from 'vitest'
import { changedByCopy, isAsCopied, judge } from '../../../../../../runtime/backup/proof/mirror/judge.ts'

describe('judge()', () => {
  test.each([
    ['the mirror has rotted', { mirror: 'x', archive: 'a', source: 'a' }, 'mirror'],
    ['the mirror cannot be read', { mirror: 'unreadable', archive: 'a', source: 'a' }, 'mirror'],
    ['the archive has rotted', { mirror: 'a', archive: 'x', source: 'a' }, 'archive'],
    ['the archive cannot be read', { mirror: 'a', archive: 'unreadable', source: 'a' }, 'archive'],
    ['both have rotted', { mirror: 'x', archive: 'y', source: 'a' }, 'unknown'],
    [
      'both have rotted, and the source has what was recorded',
      { mirror: 'x', archive: 'unreadable', source: 'a', recorded: 'a' },
      'mirror',
    ],
    [
      'the archive has rotted, and the source has what was recorded',
      { mirror: 'a', archive: 'x', source: 'a', recorded: 'a' },
      'archive',
    ],
    ['there is no third witness', { mirror: 'x', archive: 'a', source: undefined }, 'unknown'],
    ['both cannot be read', { mirror: 'unreadable', archive: 'unreadable', source: undefined }, 'unknown'],
    ['the record alone was wrong', { mirror: 'a', archive: 'a', source: undefined }, 'none'],
  ] as const)('%s', (_, witnesses, expected) => {
    expect(judge(witnesses)).toBe(expected)
  })
})

test('changedByCopy() is of what a copy after the archive has changed, and of nothing that came later', () => {
  const archivedAt = 1000
  expect(changedByCopy({ changedAt: 1500, archivedAt, syncedAt: 2000 })).toBe(true)
  expect(changedByCopy({ changedAt: 2500, archivedAt, syncedAt: 2000 })).toBe(false)
  expect(changedByCopy({ changedAt: 500, archivedAt, syncedAt: 2000 })).toBe(false)
  expect(changedByCopy({ changedAt: 1500, archivedAt, syncedAt: 900 })).toBe(false)
  expect(changedByCopy({ changedAt: 1500, archivedAt, syncedAt: undefined })).toBe(false)
})

test('isAsCopied() wants a file that was not touched since before the copy, by whole seconds', () => {
  const mirror = { sizeBytes: 5, mtimeNs: 7_000_000_000n }
  const source = { sizeBytes: 5, mtimeNs: 7_123_456_789n, changedAt: 100 }
  expect(isAsCopied(source, mirror, 200)).toBe(true)
  expect(isAsCopied(source, mirror, 100)).toBe(false)
  expect(isAsCopied({ ...source, sizeBytes: 6 }, mirror, 200)).toBe(false)
  expect(isAsCopied({ ...source, mtimeNs: 8_000_000_000n }, mirror, 200)).toBe(false)
})
