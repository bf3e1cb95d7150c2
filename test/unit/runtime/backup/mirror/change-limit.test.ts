import { describe, expect, test } from 'vitest'
import {
  certainChanges,
  changeLimit,
  regularAtLeast,
} from '../../../../../runtime/backup/mirror/change-limit.ts'

test.each([
  ['auto', 100, undefined],
  [{ percent: 40 }, 101, 40],
  [{ percent: 0 }, 100, 0],
  [{ files: 7 }, 3, 7],
] as const)('changeLimit() of %j with %i files in the mirror is %s', (limit, files, expected) => {
  expect(changeLimit(limit, files)).toBe(expected)
})

describe('certainChanges()', () => {
  const share = { maxChange: { percent: 40 } }

  test('needs no dry run where nothing is limited, or so much is permitted at least', () => {
    expect(certainChanges({ maxChange: 'auto' })).toEqual({ certain: true })
    expect(certainChanges({ ...share, changesAtMost: 40, regularAtLeast: 100 })).toEqual({
      certain: true,
      limit: 40,
    })
    expect(certainChanges({ maxChange: { files: 3 }, changesAtMost: 3 })).toEqual({ certain: true, limit: 3 })
  })

  test('needs one where there may be more, or not everything is known', () => {
    expect(certainChanges({ ...share, changesAtMost: 41, regularAtLeast: 100 }).certain).toBe(false)
    expect(certainChanges({ ...share, changesAtMost: 0 }).certain).toBe(false)
    expect(certainChanges({ ...share, regularAtLeast: 100 }).certain).toBe(false)
  })
})

test('regularAtLeast() takes everything that is not copied for regular files', () => {
  expect(regularAtLeast({ mirrorRegular: 80, mirrorNames: 100 }, 100)).toBe(80)
  expect(regularAtLeast({ mirrorRegular: 80, mirrorNames: 100 }, 70)).toBe(50)
  expect(regularAtLeast({ mirrorRegular: 80, mirrorNames: 100 }, undefined)).toBeUndefined()
  expect(regularAtLeast({ mirrorRegular: undefined, mirrorNames: undefined }, 10)).toBeUndefined()
})
