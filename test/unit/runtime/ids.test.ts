import { expect, test } from 'vitest'
import { newId, newIdOf } from '../../../runtime/ids.ts'

test('newId() makes ids of any length, no two alike, that may stand in a path', () => {
  const ids = Array.from({ length: 1000 }, () => newId(12))
  expect(new Set(ids).size).toBe(1000)
  for (const id of [...ids, newId(), newId(1)]) expect(id).toMatch(/^[\w-]+$/)
  expect([newId().length, newId(1).length, newId(8).length, ids[0]?.length]).toEqual([21, 1, 8, 12])
})

test('newIdOf() takes each of its letters, and no other', () => {
  const id = newIdOf('abc', 1000)
  expect(id).toMatch(/^[abc]{1000}$/)
  expect(new Set(id)).toEqual(new Set('abc'))
})
