import { expect, test } from 'vitest'
import type { Envelope } from '../../../../../events/index.ts'
import { toldPoints, unseenPoints } from '../../../../../runtime/backup/restore/told-points.ts'

const path = '/mnt/hdd9/Sunday/var.tar.zst'
const where = {
  source: 'var',
  target: 'hdd1',
  mirror: '/mnt/hdd1/var',
  archives: { target: 'hdd9', path: '/mnt/hdd9' },
  dayOf: () => '2026-11-29',
}

function event(type: string, time: string, data: object): Envelope {
  return {
    specversion: '1.0',
    id: `${type} ${time}`,
    source: '/hdsync',
    type,
    time: `2026-11-29T${time}Z`,
    subject: 'var',
    datacontenttype: 'application/json',
    attempt: 1,
    data: { source: 'var', ...data },
  }
}

const archived = (time: string) => event('source.archived', time, { path, sizeBytes: 10, file: 'f' })
const proven = (time: string) =>
  event('archive.proven', time, { path, file: 'f', sizeBytes: 10, sha256: '', isNew: false })
const damaged = (time: string) => event('archive.damaged', time, { path, file: 'f', reason: 'it has rotted' })

/** @param history The newest first. */
const pointOf = (...history: Envelope[]) => unseenPoints(toldPoints(history), where)[0]?.point

test('of an archive whose disk is not there, the record tells when it was proven last', () => {
  expect(pointOf(archived('03:00:00'))?.provenAt).toBe('2026-11-29T03:00:00Z')
  expect(pointOf(proven('05:00:00'), archived('03:00:00'))?.provenAt).toBe('2026-11-29T05:00:00Z')
  expect(pointOf(archived('06:00:00'), proven('05:00:00'))?.provenAt).toBe('2026-11-29T06:00:00Z')
})

test('of an archive whose disk is not there, the record tells that it is damaged', () => {
  expect(pointOf(damaged('05:00:00'), archived('03:00:00'))?.damaged).toBe('it has rotted')
  expect(pointOf(archived('03:00:00'))?.damaged).toBeUndefined()
  // Another file stands there since.
  const anew = event('source.archived', '06:00:00', { path, sizeBytes: 10, file: 'g' })
  expect(pointOf(anew, damaged('05:00:00'), archived('03:00:00'))?.damaged).toBeUndefined()
})
