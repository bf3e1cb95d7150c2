import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Envelope,
  mirrorSuspect,
  sourceFailed,
  sourceSynced,
  syncHeld,
} from '../../../../../events/index.ts'
import { countOf, mirrorFilesAtLeast } from '../../../../../runtime/backup/mirror/mirror-count.ts'

const stats = { files: 100, created: 3, deleted: 2, transferred: 3, transferredBytes: 9 }
const exclude = ['/cache/']
const counted = countOf(stats, 99, exclude)
const none = { filesTransferred: 0, bytesTransferred: 0, filesDeleted: 0 }

function event({ type }: { type: string }, data: object): Envelope {
  return { type, data: { source: 'var', ...data } } as Envelope
}
const synced = (more: object = {}) => event(sourceSynced, { ...none, mirror: 'disk1/2', counted, ...more })
const atLeast = (
  history: Envelope[],
  names: number | undefined = 100,
  mirror: string | undefined = 'disk1/2',
) => mirrorFilesAtLeast({ history, mirror, exclude }, names)

describe('mirrorFilesAtLeast()', () => {
  test('is what the last copy has left', () => expect(atLeast([synced()])).toBe(100))

  test('is less by what somebody has removed since, and not more by what was added', () => {
    expect(atLeast([synced()], 60)).toBe(60)
    expect(atLeast([synced()], 1000)).toBe(100)
  })

  test('leaves out what is not copied, also where some of the mirror was removed', () => {
    const leaves = { counted: countOf(stats, 599, exclude) }
    expect(atLeast([synced(leaves)], 600)).toBe(100)
    expect(atLeast([synced(leaves)], 560)).toBe(60)
    expect(atLeast([synced(leaves)], 400)).toBe(0)
  })

  test('is that of the disk that is there, where two take turns', () => {
    const other = { mirror: 'disk2/2', counted: { ...counted, files: 7 } }
    expect(atLeast([synced(other), synced()])).toBe(100)
  })

  test.each<[string, Envelope[]]>([
    ['nothing is known', []],
    ['the last copy was made by an earlier hdsync', [synced({ counted: undefined })]],
    ['the last copy did not tell which mirror it was', [synced({ mirror: undefined })]],
    ['only another mirror is known', [synced({ mirror: 'disk2/2' })]],
    ['a copy failed since', [event(sourceFailed, { step: 'sync.run', reason: 'no' }), synced()]],
    ['a copy was held since', [event(syncHeld, { deletions: 1, mirrorFiles: 1, limit: 0 }), synced()]],
    ['a mirror is suspect', [event(mirrorSuspect, { reason: 'no' }), synced()]],
    ['something else is excluded', [synced({ counted: countOf(stats, 99, ['/cache']) })]],
  ])('is not known where %s', (_, history) => expect(atLeast(history)).toBeUndefined())

  test('is not known of a mirror without an id, or that could not be read', () => {
    expect(mirrorFilesAtLeast({ history: [synced()], mirror: undefined, exclude }, 100)).toBeUndefined()
    expect(mirrorFilesAtLeast({ history: [synced()], mirror: 'disk1/2', exclude }, undefined)).toBeUndefined()
  })
})

describe('countOf()', () => {
  test('is not known where the mirror could not be read, or the numbers do not fit', () => {
    expect(countOf(stats, undefined, exclude)).toBeUndefined()
    expect(countOf(stats, 98, exclude)).toBeUndefined()
  })

  test('with what was removed by hand gives no more than what is left', () => {
    const some = fc.nat(1000)
    fc.assert(
      fc.property(some, some, some, some, some, (kept, created, deleted, others, removed) => {
        const files = kept + created
        const made = { ...stats, files, created, deleted }
        const history = [synced({ counted: countOf(made, kept + deleted + others, exclude) })]
        const gone = Math.min(removed, files)
        expect(atLeast(history, files - gone + others)).toBe(files - gone)
      }),
    )
  })
})
