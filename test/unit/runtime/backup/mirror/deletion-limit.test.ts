import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { certainLimit, deletionLimit } from '../../../../../runtime/backup/mirror/deletion-limit.ts'

describe('deletionLimit()', () => {
  test.each([
    [{ files: 10 }, 3, 10],
    [{ files: 0 }, 100, 0],
    [{ percent: 50 }, 101, 50],
    [{ percent: 0 }, 100, 0],
    [{ percent: 100 }, 100, 100],
    [{ percent: 50 }, 0, 0],
    [{ percent: 50 }, 1, 0],
  ])('of %j with %i files in the mirror is %i', (limit, files, expected) => {
    expect(deletionLimit(limit, files)).toBe(expected)
  })
})

describe('certainLimit()', () => {
  const half = { maxDelete: { percent: 50 }, spent: 0 }

  test('is the limit, where names tell that it is not passed', () => {
    expect(certainLimit({ ...half, deletionsAtMost: 50, mirrorFilesAtLeast: 101 })).toBe(50)
    expect(certainLimit({ ...half, deletionsAtMost: 0, mirrorFilesAtLeast: 0 })).toBe(0)
  })

  test('is not known where more may be deleted, or not everything is known', () => {
    expect(certainLimit({ ...half, deletionsAtMost: 51, mirrorFilesAtLeast: 101 })).toBeUndefined()
    expect(certainLimit({ ...half, deletionsAtMost: undefined, mirrorFilesAtLeast: 101 })).toBeUndefined()
    expect(certainLimit({ ...half, deletionsAtMost: 0, mirrorFilesAtLeast: undefined })).toBeUndefined()
  })

  test('of a number of files does not depend on how many the mirror has', () => {
    const few = { maxDelete: { files: 3 }, spent: 0, mirrorFilesAtLeast: undefined }
    expect(certainLimit({ ...few, deletionsAtMost: 3 })).toBe(3)
    expect(certainLimit({ ...few, deletionsAtMost: 4 })).toBeUndefined()
    expect(certainLimit({ ...few, maxDelete: { files: 0 }, deletionsAtMost: 0 })).toBe(0)
    expect(certainLimit({ ...few, maxDelete: { files: 0 }, deletionsAtMost: 1 })).toBeUndefined()
  })

  test('has no room any more for what was deleted since the last good copy', () => {
    const stopped = { ...half, spent: 4, mirrorFilesAtLeast: 7 }
    expect(certainLimit({ ...stopped, deletionsAtMost: 1 })).toBe(1)
    expect(certainLimit({ ...stopped, deletionsAtMost: 2 })).toBeUndefined()
    expect(deletionLimit({ files: 3 }, 100, 5)).toBe(0)
  })

  test('is never above that of the dry run', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(100), fc.nat(), (files, fewer, percent, deletionsAtMost) => {
        const mirrorFilesAtLeast = Math.max(0, files - fewer)
        const limit = certainLimit({
          maxDelete: { percent },
          spent: 0,
          deletionsAtMost,
          mirrorFilesAtLeast,
        })
        if (limit === undefined) return
        expect(limit).toBeLessThanOrEqual(deletionLimit({ percent }, files))
        expect(deletionsAtMost).toBeLessThanOrEqual(limit)
      }),
    )
  })
})
