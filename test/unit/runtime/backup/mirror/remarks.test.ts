import { expect, test } from 'vitest'
import { type CopyFacts, remarksOn } from '../../../../../runtime/backup/mirror/remarks.ts'
import type { Source } from '../../../../../runtime/config/config.ts'

const good: CopyFacts = {
  source: { kind: 'path', name: 'data', path: '/srv/data' } as Source,
  gaps: { uncovered: [], shadowed: [] },
  files: 2,
  sourceIsEmpty: false,
  otherTimes: [],
}

test('remarksOn() says nothing of a copy that is what it seems to be', () => {
  expect(remarksOn(good)).toEqual([])
  expect(remarksOn({ ...good, gaps: undefined })).toEqual([])
  expect(remarksOn({ ...good, files: 1, sourceIsEmpty: true })).toEqual([])
})

test.each<[string, Partial<CopyFacts>, string]>([
  ['a backup in which there is nothing', { files: 1 }, '`exclude` leaves out all of /srv/data'],
  [
    'what is in no backup',
    { gaps: { uncovered: [{ path: '/srv/data/x', what: 'file system', type: 'xfs' }], shadowed: [] } },
    '/srv/data/x (xfs file system)',
  ],
  ['what a mount hides', { gaps: { uncovered: [], shadowed: ['/srv/data/y'] } }, '/srv/data/y'],
  ['times that the target cannot hold', { otherTimes: ['a', 'b'] }, 'a, b'],
])('remarksOn() tells of %s', (_, facts, expected) => {
  expect(remarksOn({ ...good, ...facts })).toEqual([expect.stringContaining(expected)])
})
