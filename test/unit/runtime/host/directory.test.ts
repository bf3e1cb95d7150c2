import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TerminalError } from '../../../../runtime/errors.ts'
import {
  ensureDirectory,
  freeBytes,
  isEmptyDirectory,
  keepsSubsecondTimes,
  keepsTimesOfChange,
} from '../../../../runtime/host/directory.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

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

describe('ensureDirectory()', () => {
  test('makes a folder for its owner alone, and leaves one that is there', () => {
    const folder = join(temporaryFolder(), 'new')
    ensureDirectory(folder)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    chmodSync(folder, 0o755)
    ensureDirectory(folder)
    expect(statSync(folder).mode & 0o777).toBe(0o755)
  })

  test('makes no folder below one that is missing, which may be a disk that is not mounted', () => {
    expect(() => ensureDirectory(join(temporaryFolder(), 'missing', 'new'))).toThrow(TerminalError)
  })

  test('refuses a file in its place, and leaves it', () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, 'mine')
    expect(() => ensureDirectory(file)).toThrow(TerminalError)
    expect(readFileSync(file, 'utf8')).toBe('mine')
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
