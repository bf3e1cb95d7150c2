import { expect, test } from 'vitest'
import { dataOf, runFailed } from '../../../../../events/index.ts'
import { shortened } from '../../../../../runtime/backup/fleet/shortened.ts'

test('shortened(): a failed night that is too large to be told still says that, and why, and fits its schema', () => {
  const at = '2026-11-29T02:10:00.000Z'
  const source = {
    ...{
      state: 'failed',
      mountTrials: 0,
      snapshotUsedPercent: null,
      filesTransferred: 1,
      bytesTransferred: 1,
    },
    ...{ filesDeleted: 0, archive: null, error: `no disk ${'x'.repeat(10_000)}` },
  }
  const sources = Array.from({ length: 300 }, (_, n) => ({ ...source, source: `s${n}` }))
  const data = { run: 'r1', state: 'failed', startedAt: at, endedAt: at, sources }
  const told = dataOf(runFailed, { type: 'run.failed', data: shortened(data) })
  expect(told).toMatchObject({ state: 'failed', endedAt: at })
  expect(told?.sources).toHaveLength(100)
  expect(told?.sources[0]?.error).toMatch(/^no disk x+$/)
  expect(JSON.stringify(told).length).toBeLessThan(100_000)
})
