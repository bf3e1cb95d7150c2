import { expect, test } from 'vitest'
import type { Envelope } from '../../../../../events/index.ts'
import { contentsAfter, contentsOf, dueShare } from '../../../../../runtime/backup/mirror/contents.ts'

const at = '2026-01-01T00:00:00.000Z'
const later = '2026-01-09T00:00:00.000Z'
const day = 86_400_000
const small = { at, next: 0, sizeBytes: 1_000_000 }
const large = { at, next: 0, sizeBytes: 128 * 1024 ** 3 }

test('dueShare() is nothing within a week, and then as much as the budget allows', () => {
  expect(dueShare(small, Date.parse(at) + 6 * day)).toBeUndefined()
  expect(dueShare(small, Date.parse(at) + 7 * day)).toEqual({ from: 0, to: 1 })
  expect(dueShare(large, Date.parse(at) + 7 * day)).toEqual({ from: 0, to: 0.25 })
  expect(dueShare({ ...large, next: 0.5 }, Date.parse(at) + 7 * day)).toEqual({ from: 0.5, to: 0.75 })
  expect(dueShare(undefined, Date.parse(at))).toBeUndefined()
})

test('the shares of a large source follow each other, and begin anew after the last', () => {
  let contents = large
  const seen: number[] = []
  for (let week = 1; week <= 5; week += 1) {
    const nowMs = Date.parse(contents.at) + 7 * day
    const share = dueShare(contents, nowMs)
    seen.push(share?.from ?? -1)
    const next = contentsAfter(share, {
      before: contents,
      at: new Date(nowMs).toISOString(),
      sizeBytes: large.sizeBytes,
    })
    contents = next ?? contents
  }
  expect(seen).toEqual([0, 0.25, 0.5, 0.75, 0])
})

test('contentsAfter() starts with a copy of everything, and keeps what a night without a comparison knew', () => {
  const known = { before: large, at: later, sizeBytes: 5 }
  expect(contentsAfter('everything', known)).toEqual({ at: later, next: 0, sizeBytes: 5 })
  expect(contentsAfter(undefined, known)).toEqual({ at, next: 0, sizeBytes: 5 })
  expect(contentsAfter(undefined, { ...known, sizeBytes: undefined })).toEqual(large)
  // A store of an earlier version.
  expect(contentsAfter(undefined, { before: undefined, at: later, sizeBytes: undefined })).toBeUndefined()
  expect(contentsAfter(undefined, { before: undefined, at: later, sizeBytes: 5 })).toEqual({
    at: later,
    next: 0,
    sizeBytes: 5,
  })
})

test('contentsOf() tells of the mirror that was asked for, the last time', () => {
  const counts = { source: 'var', filesTransferred: 1, bytesTransferred: 1, filesDeleted: 0 }
  const synced = (facts: object) => ({ type: 'source.synced', data: { ...counts, ...facts } }) as Envelope
  const history = [synced({ mirror: 'b', contents: large }), synced({ mirror: 'a', contents: small })]
  expect(contentsOf(history, 'a')).toEqual(small)
  expect(contentsOf(history, 'c')).toBeUndefined()
  expect(contentsOf([synced({ mirror: 'a' }), ...history], 'a')).toBeUndefined()
  expect(contentsOf(history, undefined)).toBeUndefined()
})
