import { expect, test } from 'vitest'
import type { Envelope } from '../../../../../events/index.ts'
import { doubtOf } from '../../../../../runtime/backup/mirror/doubts.ts'

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
const good = synced({ boot: 'good', mirror: 'a', read })
const copied = { mirrorMs: Date.UTC(2026, 0, 8, 2), nowMs }
const everything = { of: 'everything', reason: expect.any(String) }

test.each<[string, Envelope[], unknown]>([
  ['everything of a mirror that nothing is known of', [], everything],
  ['nothing after a first one that failed', [failed], undefined],
  [
    'what was written while the last good copy read',
    [good],
    { of: 'written', fromMs, toMs: Date.parse(read.to), ...copied },
  ],
  [
    'what was written since, after one that failed',
    [failed, good],
    { of: 'written', fromMs, toMs: nowMs, ...copied },
  ],
  [
    'what was written since, after one that was held',
    [held, good],
    { of: 'written', fromMs, toMs: nowMs, ...copied },
  ],
  [
    'what others changed in the mirror while a copy that wrote nothing read',
    [synced({ boot: 'good', mirror: 'a', read, unchanged: true })],
    { of: 'written', fromMs, toMs: Date.parse(read.to), mirrorMs: Date.parse(read.from), nowMs },
  ],
  ['everything of a suspect mirror', [suspect, good], everything],
  ['everything of a suspect mirror that failed again', [failed, suspect, good], everything],
  [
    'no more than that after the next good copy',
    [good, suspect],
    { of: 'written', fromMs, toMs: Date.parse(read.to), ...copied },
  ],
  ['everything after a crash', [synced({ boot: 'cut off', mirror: 'a', read })], everything],
  [
    'everything after a crash, if a copy has failed since',
    [failed, synced({ boot: 'cut off', mirror: 'a', read })],
    everything,
  ],
  ['everything where it is not known when that was', [synced({ mirror: 'a' })], everything],
  [
    'everything of one of two mirrors that was never copied to',
    [synced({ boot: 'good', mirror: 'b', read })],
    everything,
  ],
  [
    'everything of the one that was suspect last, whatever the other is',
    [synced({ boot: 'good', mirror: 'b', read }), suspect, good],
    everything,
  ],
  [
    'nothing more of one of two, whatever has been copied to the other since',
    [synced({ boot: 'cut off', mirror: 'b', read }), good],
    { of: 'written', fromMs, toMs: Date.parse(read.to), ...copied },
  ],
  [
    'everything of one that was last copied to before a crash, whatever has been copied to the other since',
    [synced({ boot: 'good', mirror: 'b', read }), synced({ boot: 'cut off', mirror: 'a', read })],
    everything,
  ],
])('doubtOf() doubts %s', (_, history, expected) => {
  expect(doubtOf(history, 'a', boots, nowMs)).toEqual(expected)
})

test('doubtOf() takes the last mirror for one that cannot be seen', () => {
  expect(doubtOf([good], undefined, boots, nowMs)).toMatchObject({ of: 'written' })
  expect(doubtOf([suspect, good], undefined, boots, nowMs)).toEqual(everything)
})

test('doubtOf() doubts everything where the clock was put back: times of change tell nothing then', () => {
  expect(doubtOf([good], 'a', boots, Date.UTC(2026, 0, 7))).toEqual(everything)
})
