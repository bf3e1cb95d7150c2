import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TerminalError } from '../../../../../runtime/errors.ts'
import {
  freeBytes,
  isEmptyDirectory,
  keepsSubsecondTimes,
  keepsTimesOfChange,
} from '../../../../../runtime/host/mirror/directory.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

describe('isEmptyDirectory()', () => {
  test('calls an empty folder empty, and one with a lost+found', () => {
    const folder = temporaryFolder()
    expect(isEmptyDirectory(folder)).toBe(true)
    mkdirSync(join(folder, 'lost+found'))
    expect(isEmptyDirectory(folder)).toBe(true)
  })

  test.each(['file', '.hidden', 'lost+found2'])('does not call one with %s empty', (name) => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'lost+found'))
    writeFileSync(join(folder, name), '')
    expect(isEmptyDirectory(folder)).toBe(false)
  })

  test('does not call one empty that has a name that is not UTF-8', () => {
    const folder = temporaryFolder()
    writeFileSync(Buffer.from(join(folder, 'caf\xe9'), 'latin1'), '')
    expect(isEmptyDirectory(folder)).toBe(false)
  })

  test('refuses what is no folder', () => {
    const file = join(temporaryFolder(), 'file')
    expect(() => isEmptyDirectory(file)).toThrow(new TerminalError(`cannot read ${file}: it does not exist`))
    writeFileSync(file, '')
    expect(() => isEmptyDirectory(file)).toThrow(
      new TerminalError(`cannot read ${file}: it is not a directory`),
    )
  })
})

test('keepsSubsecondTimes() is true of a file system of today', () => {
  expect(keepsSubsecondTimes(temporaryFolder())).toBe(true)
})

test('freeBytes() tells of the file system that a folder lies on', async () => {
  expect(await freeBytes(temporaryFolder())).toBeGreaterThan(0)
})

test.each([
  [temporaryFolder, true],
  [() => '/proc', false],
])('keepsTimesOfChange() is true of a file system of disks alone', (folder, keeps) => {
  expect(keepsTimesOfChange(folder())).toBe(keeps)
})
