import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { restoreLine } from '../../../../../runtime/cli/points/restore-line.ts'
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

test('a restore is told as a command that a shell reads as it was meant, for names of any bytes', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 30 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 ? 0x0a : byte))))
  fc.assert(
    fc.property(name, (path) => {
      const line = restoreLine([{ source: 'var', path }], { at: 'var@latest', delete: true, to: '/a b' })
      const argv = line.replace('hdsync restore ', 'printf "%s\\0" ')
      const { stdout } = spawnSync('bash', ['-c', argv], { env: { LC_ALL: 'C' } })
      const words = ['--at', 'var@latest', '--to', '/a b', '--delete', '']
      expect(stdout).toEqual(Buffer.concat([Buffer.from('var:'), path, Buffer.from(`\0${words.join('\0')}`)]))
    }),
    { numRuns: 40 },
  )
})
