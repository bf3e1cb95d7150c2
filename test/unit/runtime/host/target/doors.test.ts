import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { closeDoor, doorsOf } from '../../../../../runtime/host/target/doors.ts'
import { inFolder } from '../../../../../runtime/host/target/safe-open.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

const root = process.geteuid?.() === 0
const user = 1234

let parent: string
let path: string
beforeEach(() => {
  parent = temporaryFolder()
  path = join(parent, 'disk')
  mkdirSync(path, { mode: 0o700 })
})
const doors = (at = path) => doorsOf(at, 'disk').map(({ kind, mend }) => [kind, ...mend])

describe('doorsOf()', () => {
  test('finds none where nobody else can get in, below a folder with the sticky bit as well', () => {
    expect(doors()).toEqual([])
    chmodSync(parent, 0o1777)
    expect(doors()).toEqual([])
  })

  test.each([0o755, 0o750, 0o711, 0o701])('finds one that others can look through: %o', (mode) => {
    chmodSync(path, mode)
    expect(doors()).toEqual([['open', 'hdsync target adopt --all']])
  })

  test.each([0o777, 0o770, 0o1777, 0o702])('finds one that others can write through: %o', (mode) => {
    chmodSync(path, mode)
    expect(doors()).toEqual([['writable', `chmod 0700 ${path}`, 'hdsync target adopt disk']])
  })

  test('finds a folder above in which others can put another one in its place, also above a link', () => {
    chmodSync(parent, 0o777)
    expect(doors()).toEqual([['writable', `chmod go-w ${parent}`]])
    const link = join(temporaryFolder(), 'link')
    symlinkSync(path, link)
    expect(doors(link)).toEqual([['writable', `chmod go-w ${parent}`]])
  })

  test.runIf(root)('finds what belongs to a user, itself and above', () => {
    chownSync(path, user, user)
    expect(doors()).toEqual([
      ['writable', `chown root:root ${path}`, `chmod 0700 ${path}`, 'hdsync target adopt disk'],
    ])
    chownSync(path, 0, 0)
    chownSync(parent, user, user)
    expect(doors()).toMatchObject([['writable', expect.stringContaining('/srv/backup')]])
    expect(doorsOf(path, 'disk', user)).toEqual([])
  })
})

describe('closeDoor()', () => {
  test('closes a folder, and says whether it was open', () => {
    chmodSync(path, 0o755)
    expect(inFolder(path, closeDoor)).toBe(true)
    expect(statSync(path).mode & 0o7777).toBe(0o700)
    expect(inFolder(path, closeDoor)).toBe(false)
  })
})
