import { expect, test } from 'vitest'
import type { Envelope } from '../../../../events/index.ts'
import { doubtOf } from '../../../../runtime/engine/doubts.ts'

const nowMs = Date.UTC(2026, 0, 9)
const read = { from: '2026-01-08T01:00:00.500Z', to: '2026-01-08T01:00:02.000Z' }
const fromMs = Date.parse(read.from) - 2000
const counts = { filesTransferred: 1, bytesTransferred: 1, filesDeleted: 0 }
const boots = { inOrderSince: (boot: string) => boot === 'good' }

const event = (type: string, data: object) =>
  ({ type, data: { source: 'var', ...data }, time: '2026-01-08T02:00:00.000Z' }) as Envelope
const synced = (facts: object) => event('source.synced', { ...counts, ...facts })
const suspect = event('mirror.suspect', { reason: 'the disk failed' })
const failed = event('source.failed', { step: 'sync.run', reason: 'no' })
const held = event('sync.held', { deletions: 9, mirrorFiles: 10, limit: 1 })
const everything = { of: 'everything', reason: expect.any(String) }

test.each<[string, Envelope[], unknown]>([
  ['nothing before the first good copy', [], undefined],
  ['nothing after a first one that failed', [failed], undefined],
  [
    'what was written while the last good copy read',
    [synced({ boot: 'good', read })],
    { of: 'written', fromMs, toMs: Date.parse(read.to) },
  ],
  [
    'what was written since, after one that failed',
    [failed, synced({ boot: 'good', read })],
    { of: 'written', fromMs, toMs: nowMs },
  ],
  [
    'what was written since, after one that was held',
    [held, synced({ boot: 'good', read })],
    { of: 'written', fromMs, toMs: nowMs },
  ],
  ['everything of a suspect mirror', [suspect, synced({ boot: 'good', read })], everything],
  [
    'everything of a suspect mirror that failed again',
    [failed, suspect, synced({ boot: 'good', read })],
    everything,
  ],
  [
    'no more than that after the next good copy',
    [synced({ boot: 'good', read }), suspect],
    { of: 'written', fromMs, toMs: Date.parse(read.to) },
  ],
  ['everything after a crash', [synced({ boot: 'cut off', read })], everything],
  [
    'everything after a crash, if a copy has failed since',
    [failed, synced({ boot: 'cut off', read })],
    everything,
  ],
  ['everything where it is not known when that was', [synced({})], everything],
])('doubtOf() doubts %s', (_, history, expected) => {
  expect(doubtOf(history, boots, nowMs)).toEqual(expected)
})
