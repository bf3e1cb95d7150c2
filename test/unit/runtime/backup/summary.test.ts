import { describe, expect, test } from 'vitest'
import {
  archiveWeekly,
  type Envelope,
  type EventDefinition,
  type InputOf,
  runFailed,
  runResult,
  runStarted,
  runWarned,
  snapshotCreate,
  snapshotMount,
  snapshotOverflowed,
  snapshotReleased,
  sourceArchived,
  sourceFailed,
  sourceNext,
  sourceSynced,
  sourceWarned,
  syncHeld,
  syncRun,
} from '../../../../events/index.ts'
import { summarise } from '../../../../runtime/backup/summary.ts'
import { event } from '../../../contract/publication.ts'

const run = { id: 'run1', startedAt: Date.UTC(2026, 0, 1, 22) }
const endedAt = Date.UTC(2026, 0, 2, 1)

/** One event, as the bus keeps it: its subject is the source that it is about. */
function happened<E extends EventDefinition>(definition: E, input: InputOf<E>): Envelope {
  const data = definition.schema.parse(input) as { source?: string }
  return event('', { type: definition.type, data, ...(data.source && { subject: data.source }) })
}

const started = (...sources: string[]) => happened(runStarted, { sources })
const warned = happened(runWarned, { reason: 'a target is left mounted' })
const counts = { filesTransferred: 3, bytesTransferred: 4096, filesDeleted: 1 }

/** What happens to one source, by name. */
function of(source: string) {
  const snapshot = { vg: 'vg01', lv: 'hdsync_var' }
  return {
    created: happened(snapshotCreate, { source }),
    mounted: happened(snapshotMount, { source }),
    warned: happened(sourceWarned, { source, step: 'snapshot.before', reason: 'not locked' }),
    overflowed: happened(snapshotOverflowed, { source, sizeBytes: 4096, attemptsLeft: 9 }),
    released: (usedPercent: number | null) =>
      happened(snapshotReleased, { source, snapshot, sizeBytes: 4096, usedPercent }),
    copying: happened(syncRun, { source }),
    synced: happened(sourceSynced, { source, ...counts }),
    vanished: happened(sourceSynced, { source, ...counts, warning: 'some files vanished' }),
    held: happened(syncHeld, { source, deletions: 60, mirrorFiles: 100, limit: 50 }),
    archiving: happened(archiveWeekly, { source }),
    archived: happened(sourceArchived, { source, path: `/mnt/Thursday/${source}.tar.zst`, sizeBytes: 9 }),
    failed: happened(sourceFailed, { source, step: 'sync.run', reason: 'no' }),
    notArchived: happened(sourceFailed, { source, step: archiveWeekly.type, reason: 'disk full' }),
    cancelled: happened(sourceFailed, { source, step: 'sync.run', reason: 'Ctrl-C', cancelled: true }),
  }
}
const usr = of('usr')
const home = of('home')

const nothing = {
  source: 'usr',
  state: 'waiting',
  mountTrials: 0,
  snapshotUsedPercent: null,
  filesTransferred: null,
  bytesTransferred: null,
  filesDeleted: null,
  archive: null,
  error: null,
}

describe('summarise() of one source', () => {
  const path = '/mnt/Thursday/usr.tar.zst'
  const heldReason = 'would delete 60 of 100 entries in the mirror, 50 are allowed: nothing was copied'

  test.each<[string, Envelope[], object]>([
    ['has not begun', [], { state: 'waiting' }],
    ['is being copied', [usr.copying], { state: 'running' }],
    ['is waiting for its mount', [usr.created, usr.mounted], { state: 'running', mountTrials: 1 }],
    ['was copied', [usr.copying, usr.synced], { state: 'succeeded', ...counts }],
    ['is being archived', [usr.synced, usr.archiving], { state: 'running', ...counts }],
    [
      'was archived',
      [usr.synced, usr.archiving, usr.archived],
      { state: 'succeeded', ...counts, archive: path },
    ],
    [
      'lost files while it was copied',
      [usr.vanished],
      { state: 'degraded', ...counts, error: 'some files vanished' },
    ],
    [
      'was copied though something was not as it should be',
      [usr.warned, usr.mounted, usr.vanished],
      {
        state: 'degraded',
        ...counts,
        mountTrials: 1,
        error: 'some files vanished; snapshot.before: not locked',
      },
    ],
    [
      'was copied in a second trial, after a warning of the first',
      [usr.warned, usr.mounted, { ...usr.mounted, attempt: 2 }, usr.synced],
      { state: 'succeeded', ...counts, mountTrials: 2 },
    ],
    ['was held', [usr.copying, usr.held], { state: 'held', error: heldReason }],
    ['failed', [usr.copying, usr.failed], { state: 'failed', error: 'sync.run: no' }],
    [
      'was copied but not archived',
      [usr.synced, usr.archiving, usr.notArchived],
      { state: 'failed', ...counts, error: 'archive.weekly: disk full' },
    ],
    ['was cancelled', [usr.copying, usr.cancelled], { state: 'cancelled', error: 'sync.run: Ctrl-C' }],
    [
      'failed twice, the first being the cause',
      [usr.failed, usr.notArchived],
      { state: 'failed', error: 'sync.run: no' },
    ],
    [
      'succeeded after an overflow, whose snapshot was full',
      [usr.mounted, usr.overflowed, usr.released(100), usr.mounted, usr.synced, usr.released(12.5)],
      { state: 'succeeded', ...counts, mountTrials: 2, snapshotUsedPercent: 100 },
    ],
    [
      'had a thin snapshot, which has no size',
      [usr.mounted, usr.synced, usr.released(null)],
      { state: 'succeeded', ...counts, mountTrials: 1 },
    ],
    [
      'had a snapshot in which nothing changed',
      [usr.mounted, usr.synced, usr.released(0)],
      { state: 'succeeded', ...counts, mountTrials: 1, snapshotUsedPercent: 0 },
    ],
  ])('that %s', (_, history, expected) => {
    expect(summarise([started('usr'), ...history], run, null).sources).toEqual([{ ...nothing, ...expected }])
  })

  test('counts nothing of another one', () => {
    const { sources } = summarise([started('home', 'usr'), home.mounted, home.synced, home.failed], run, null)
    expect(sources[1]).toEqual(nothing)
  })
})

describe('summarise() of a run', () => {
  test.each<[string, Envelope[], string]>([
    ['all sources succeeded', [usr.synced, home.synced], 'succeeded'],
    ['all succeeded, and something else went wrong', [usr.synced, home.synced, warned], 'degraded'],
    ['one is degraded', [usr.vanished, home.synced], 'degraded'],
    ['one is held', [usr.held, home.vanished], 'held'],
    ['one failed', [usr.failed, home.held], 'failed'],
    ['one was cancelled', [usr.failed, home.cancelled], 'cancelled'],
    ['one never began', [usr.synced], 'failed'],
    ['one never came to an end', [usr.synced, home.copying], 'failed'],
    ['one archive never came to an end', [usr.synced, home.synced, home.archiving], 'failed'],
  ])('in which %s', (_, history, state) => {
    expect(summarise([started('usr', 'home'), ...history], run, endedAt)).toMatchObject({ state })
  })

  test('that could not even begin has failed', () => {
    expect(summarise([warned], run, endedAt)).toMatchObject({ state: 'failed', sources: [] })
  })

  test('is running while it has no end', () => {
    expect(summarise([started('usr'), usr.failed], run, null)).toMatchObject({
      state: 'running',
      endedAt: null,
    })
  })

  test('is of the shape that is published, the sources in the order of the run', () => {
    const result = summarise([started('usr', 'home'), home.synced, usr.held], run, endedAt)
    expect(runResult.parse(result)).toEqual(result)
    expect(result).toMatchObject({
      run: 'run1',
      startedAt: '2026-01-01T22:00:00.000Z',
      endedAt: '2026-01-02T01:00:00.000Z',
    })
    expect(result.sources.map(({ source }) => source)).toEqual(['usr', 'home'])
  })

  test('that has ended is what its end said', () => {
    const said = summarise([started('usr'), usr.failed], run, endedAt)
    const end = happened(runFailed, said)
    expect(summarise([started('usr'), usr.synced, end], run, null)).toEqual(said)
  })

  test('does not mistake an order to go on for something about a source', () => {
    const order = happened(sourceNext, { rest: ['usr'] })
    expect(summarise([started('usr'), order], run, null).sources).toEqual([nothing])
  })
})
