import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { holdLock } from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { holderOf, lockHolder } from '../../../../../../runtime/core/bus/sqlite/lock-holder.ts'
import { Child } from '../../../../child.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

describe('lockHolder()', () => {
  test('names the process that is at work, and nobody once it is gone', async () => {
    const directory = temporaryFolder()
    expect(lockHolder(directory)).toBeUndefined()
    const other = new Child(new URL('lock-holder.ts', import.meta.url), directory)
    await other.printed(1)
    expect(lockHolder(directory)).toBeGreaterThan(1)
    await other.kill()
    expect(lockHolder(directory)).toBeUndefined()
  })

  test('does not keep anybody from taking the lock', () => {
    const directory = temporaryFolder()
    holdLock(directory)?.()
    lockHolder(directory)
    const unlock = holdLock(directory)
    expect(unlock).toBeDefined()
    expect(lockHolder(directory)).toBe(process.pid)
    unlock?.()
  })

  test('knows of nobody where there is no folder, or no table of locks', () => {
    expect(lockHolder('/nowhere')).toBeUndefined()
    const directory = temporaryFolder()
    holdLock(directory)?.()
    expect(lockHolder(directory, join(directory, 'none'))).toBeUndefined()
  })
})

describe('holderOf()', () => {
  const table = `1: POSIX  ADVISORY  READ  12 fe:00:77 1073741826 1073742335
2: POSIX  ADVISORY  WRITE 13 fe:00:177 1073741824 1073742335
3: FLOCK  ADVISORY  WRITE 14 fe:00:77 0 EOF
4: -> POSIX  ADVISORY  WRITE 15 fe:00:77 1073741824 1073742335
5: POSIX  ADVISORY  WRITE 16 fe:00:77 1073741824 1073742335
`
  test('is who writes where SQLite locks, in this file', () => {
    expect(holderOf(77, table)).toBe(16)
    expect(holderOf(177, table)).toBe(13)
  })

  test('is nobody for other locks, or for a holder out of sight', () => {
    expect(holderOf(7, table)).toBeUndefined()
    expect(holderOf(9, '1: POSIX ADVISORY WRITE 0 fe:00:9 1073741824 1073742335')).toBeUndefined()
  })
})
