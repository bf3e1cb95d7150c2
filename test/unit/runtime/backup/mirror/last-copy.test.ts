import { describe, expect, test } from 'vitest'
import {
  type Envelope,
  mirrorSuspect,
  sourceFailed,
  sourceSynced,
  syncHeld,
} from '../../../../../events/index.ts'
import { isNeedless, lastCopy, leftBy } from '../../../../../runtime/backup/mirror/last-copy.ts'
import { countOf } from '../../../../../runtime/backup/mirror/mirror-count.ts'
import type { LvSource, Source } from '../../../../../runtime/config/config.ts'

const exclude = ['/cache/']
const counted = countOf(
  { files: 100, created: 0, deleted: 0, transferred: 0, transferredBytes: 0 },
  103,
  exclude,
)
const read = { from: '2026-01-08T01:00:00.000Z', to: '2026-01-08T01:00:05.000Z' }
const left = { from: 'vg01/lv_var', sourceNames: 120, mirrorState: '2 1000', compared: read.from }
const source = { kind: 'lv', name: 'var', vg: 'vg01', lv: 'lv_var', exclude } as unknown as LvSource
const none = { filesTransferred: 0, bytesTransferred: 0, filesDeleted: 0 }
const time = '2026-01-08T01:00:06.000Z'
const nextNight = Date.parse('2026-01-09T01:00:00.000Z')
const day = 24 * 3_600_000

const event = ({ type }: { type: string }, data: object) =>
  ({ type, data: { source: 'var', ...data }, time }) as Envelope
const synced = (more: object = {}) =>
  event(sourceSynced, { ...none, mirror: 'a', counted, read, left, ...more })
const unchanged = (more: object = {}) => synced({ unchanged: true, ...more })
const mirror = { id: 'a', state: '2 1000' }
const lastOf = (history: Envelope[], nowMs = nextNight, of: Partial<LvSource> = {}) =>
  lastCopy(history, { ...source, ...of }, mirror, nowMs)

describe('lastCopy()', () => {
  test('is one that found nothing changed, since when it began to read', () => {
    const since = { sourceMs: Date.parse(read.from), mirrorMs: Date.parse(read.from) }
    expect(lastOf([unchanged(), synced()])).toEqual({ since, counted, left })
  })

  test('is one that has copied something, since when the mirror was on the disk', () => {
    const since = { sourceMs: Date.parse(read.from), mirrorMs: Date.parse(time) }
    expect(lastOf([synced()])).toEqual({ since, counted, left })
    expect(lastOf([synced(), synced()])).toEqual({ since, counted, left })
  })

  test('is the last one to each of two disks that take turns', () => {
    expect(lastOf([synced({ mirror: 'b' }), synced(), synced()])).toBeDefined()
    expect(lastOf([synced({ mirror: 'b' })])).toBeUndefined()
  })

  test('keeps when everything was compared, for less than a week', () => {
    const compared = '2026-01-03T01:00:00.000Z'
    const history = [unchanged({ left: { ...left, compared } }), unchanged(), synced()]
    expect(lastOf(history)).toMatchObject({ left: { compared } })
    expect(lastOf(history, Date.parse(compared) + 7 * day)).toBeUndefined()
  })

  test.each<[string, Envelope[]]>([
    ['nothing is known', []],
    ['it is from an earlier hdsync', [unchanged({ left: undefined })]],
    ['it cannot be read', [unchanged({ left: { ...left, sourceNames: 'many' } })]],
    ['an older image of the mirror is there now', [unchanged({ left: { ...left, mirrorState: '2 999' } })]],
    ['some of what it was to copy vanished', [unchanged({ counted: undefined })]],
    ['something else is excluded now', [unchanged({ counted: { ...counted, exclude: 'others' } })]],
    ['a copy failed since', [event(sourceFailed, { step: 'sync.run', reason: 'no' }), unchanged()]],
    ['a copy was held since', [event(syncHeld, { deletions: 1, mirrorFiles: 1, limit: 0 }), unchanged()]],
    ['a mirror is suspect', [event(mirrorSuspect, { reason: 'no' }), unchanged()]],
    [
      'a copy failed before one to another disk',
      [unchanged({ mirror: 'b' }), event(sourceFailed, { step: 'sync.run', reason: 'no' }), unchanged()],
    ],
  ])('is none where %s', (_, history) => expect(lastOf(history)).toBeUndefined())

  test('is none where the clock was put back, or the mirror has no id', () => {
    expect(lastOf([unchanged()], Date.parse(read.from) - 1)).toBeUndefined()
    const unknown = [unchanged({ mirror: undefined })]
    expect(lastCopy(unknown, source, { ...mirror, id: undefined }, nextNight)).toBeUndefined()
  })
})

test('lastCopy() is none of another volume, nor of a folder, in the place of the source', () => {
  expect(lastOf([unchanged()], nextNight, { lv: 'lv_new' })).toBeUndefined()
  const folder = { kind: 'path', name: 'var', path: '/var', exclude } as unknown as Source
  expect(lastCopy([unchanged()], folder, mirror, nextNight)).toBeUndefined()
  const copied = unchanged({ left: { ...left, from: '/var' } })
  expect(lastCopy([copied], folder, mirror, nextNight)).toBeDefined()
})

describe('leftBy()', () => {
  test('is by what the next run tells the source and its mirror', () => {
    expect(leftBy(source, mirror, 120, read.from)).toEqual(left)
  })
  test('is not known where something of it is not', () => {
    expect(leftBy(source, mirror, undefined, read.from)).toBeUndefined()
    expect(leftBy(source, { ...mirror, state: undefined }, 120, read.from)).toBeUndefined()
  })
})

describe('isNeedless()', () => {
  const last = lastOf([unchanged()])
  const same = {
    facts: { same: 100, changed: 0 },
    sourceNames: 120,
    mirrorNames: 103,
    deletionsAtMost: 3,
    written: undefined,
  }
  const needless = (more: object) => last && isNeedless(last, { ...same, ...more })

  test('is a copy where both sides are what the last one has left', () => expect(needless({})).toBe(true))

  test.each<[string, object]>([
    ['something has changed since', { facts: { same: 100, changed: 1 } }],
    ['an entry differs', { facts: { same: 99, changed: 0 } }],
    ['what is excluded is the same on both sides', { facts: { same: 101, changed: 0 } }],
    ['the mirror has more', { mirrorNames: 104 }],
    ['the mirror has less', { mirrorNames: 102 }],
    ['the source has more', { sourceNames: 121 }],
    ['not all could be read', { facts: undefined, mirrorNames: undefined, deletionsAtMost: undefined }],
    ['files were written while they were copied', { written: '/run/list' }],
  ])('is none where %s', (_, more) => expect(needless(more)).toBe(false))
})
