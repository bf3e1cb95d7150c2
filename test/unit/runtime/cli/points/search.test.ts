import { expect, test } from 'vitest'
import { Search } from '../../../../../runtime/cli/points/search.ts'

const entry = (path: string) => ({
  path: Buffer.from(path),
  type: 'file' as const,
  sizeBytes: 1,
  mtimeNs: 0n,
})

test('Search finds all words whatever their case, names that begin so first', () => {
  const search = new Search(['a', 'a/report', 'a/my report', 'Report.d', 'Report.d/x', 'ü'].map(entry))
  const found = (typed: string, most = 10) =>
    search.find(typed, most).map((n) => String(search.entries[n]?.path))
  expect(found('')).toEqual(['a', 'Report.d', 'ü'])
  expect(found('REP')).toEqual(['a/report', 'Report.d', 'a/my report', 'Report.d/x'])
  expect(found('rep', 2)).toEqual(['a/report', 'Report.d'])
  expect(found('  a rep ')).toEqual(['a/report', 'a/my report'])
  expect(found('Ü')).toEqual(['ü'])
  expect(found('none')).toEqual([])
})
