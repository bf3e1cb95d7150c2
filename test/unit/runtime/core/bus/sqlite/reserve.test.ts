import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isFull, Reserve } from '../../../../../../runtime/core/bus/sqlite/reserve.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

describe('Reserve', () => {
  test('takes room on the disk, once, and gives it back, once', () => {
    const directory = temporaryFolder()
    const reserve = new Reserve(directory)
    expect(reserve.release()).toBe(false)
    reserve.fill()
    const { ino, mode, blocks } = statSync(join(directory, 'reserve'))
    expect(mode & 0o777).toBe(0o600)
    expect(blocks * 512).toBeGreaterThanOrEqual(2 * 1024 * 1024)
    reserve.fill()
    expect(statSync(join(directory, 'reserve')).ino).toBe(ino)
    expect([reserve.release(), reserve.release()]).toEqual([true, false])
    expect(readdirSync(directory)).toEqual([])
  })

  test('does without where there is no room', () => {
    expect(() => new Reserve('/nowhere/at/all').fill()).not.toThrow()
  })
})

test.each([
  [{ errcode: 13 }, true],
  [{ code: 'ENOSPC' }, true],
  [{ errcode: 10, code: 'ERR_SQLITE_ERROR' }, false],
  [new Error('disk I/O error'), false],
])('isFull() of %j is %s', (error, full) => expect(isFull(error)).toBe(full))
