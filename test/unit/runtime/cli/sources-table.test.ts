import { expect, test } from 'vitest'
import { nothingDone } from '../../../../runtime/backup/summary.ts'
import { painter } from '../../../../runtime/cli/format.ts'
import { sourcesTable } from '../../../../runtime/cli/sources-table.ts'

test('what is wrong with the targets of several sources is told once, all of it', () => {
  const reason = 'target.open: target hdd1: no marker; target hdd9: no marker'
  const sources = [
    nothingDone('var', 'failed', reason),
    nothingDone('usr', 'failed', 'sync.run: rsync is not installed'),
    nothingDone('home', 'failed', reason),
  ]
  const lines = sourcesTable(sources, painter(false)).split('\n')
  expect(lines.filter((line) => line.includes(': '))).toEqual([
    'var, home: failed: target hdd1: no marker; target hdd9: no marker',
    'usr: failed: sync.run: rsync is not installed',
  ])
})
