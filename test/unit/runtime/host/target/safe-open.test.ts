import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { readMarker, writeMarker } from '../../../../../runtime/host/target/marker.ts'
import { Folder } from '../../../../../runtime/host/target/safe-open.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

let path: string
let outside: string
beforeEach(() => {
  path = temporaryFolder()
  outside = join(temporaryFolder(), 'outside')
  writeFileSync(outside, 'mine')
})

describe('Folder', () => {
  test('refuses a folder that is a link, and says where it leads to', () => {
    symlinkSync('/etc', join(path, 'var'))
    using folder = Folder.existing(path)
    expect(() => folder.folder('var')).toThrow(`${path}/var is a link to /etc: hdsync follows no link`)
    expect(() => folder.make('var')).toThrow(`${path}/var is a link to /etc: hdsync follows no link`)
  })

  test('refuses a file where a folder is to be', () => {
    writeFileSync(join(path, 'Monday'), '')
    using folder = Folder.existing(path)
    expect(() => folder.make('Monday')).toThrow(`${path}/Monday is a file, not a folder`)
  })

  test('makes a folder for its owner alone, and leaves one that is there', () => {
    using folder = Folder.existing(path)
    for (const mode of [0o700, 0o755]) {
      using made = folder.make('var')
      expect(made.stat().mode & 0o777).toBe(mode)
      chmodSync(join(path, 'var'), 0o755)
    }
  })

  test('makes no folder below one that is missing, which may be a disk that is not mounted', () => {
    expect(Folder.at(join(path, 'missing'))).toBeUndefined()
    expect(() => Folder.existing(join(path, 'missing'))).toThrow(/there is no folder/)
  })

  test('takes no name that leads elsewhere', () => {
    using folder = Folder.existing(path)
    for (const name of ['..', '.', '', 'a/b', '/etc', 'a\0b'])
      expect(() => folder.name(name)).toThrow(/no name/)
  })

  test('writes a new file, whatever lies in the way of it, and follows no link', () => {
    symlinkSync(outside, join(path, 'file.new'))
    symlinkSync(outside, join(path, 'file'))
    using folder = Folder.existing(path)
    folder.replace('file', 'ours', 0o600)
    expect(readFileSync(outside, 'utf8')).toBe('mine')
    expect(folder.read('file', 10)).toBe('ours')
    expect(folder.names()).toEqual(['file'])
  })

  test('creates nothing over a link', async () => {
    symlinkSync(outside, join(path, 'part'))
    using folder = Folder.existing(path)
    await expect(folder.create('part', 0o600)).rejects.toMatchObject({ code: 'EEXIST' })
  })

  test('stays with the folder that was opened, whatever its path leads to now', () => {
    mkdirSync(join(path, 'real'))
    symlinkSync('real', join(path, 'link'))
    using folder = Folder.existing(join(path, 'link'))
    execFileSync('ln', ['-sfn', '/etc', join(path, 'link')])
    folder.replace('file', 'ours', 0o600)
    expect(readFileSync(join(path, 'real/file'), 'utf8')).toBe('ours')
  })
})

describe('a marker that is a trap', () => {
  test.each([
    ['a link to a file', 'ln -s ../x', /it is a link to .*, which is not followed/],
    ['a link to /dev/zero', 'ln -s /dev/zero', /it is a link to \/dev\/zero/],
    ['a FIFO', 'mkfifo', /it is a FIFO, not a file/],
    ['very large', 'truncate -s 1G', /it is larger than 65536 bytes/],
  ])('%s is refused at once', (_, command, reason) => {
    const [program = '', ...words] = command.split(' ')
    execFileSync(program, [...words, join(path, '.hdsync-target')])
    expect(() => readMarker(path)).toThrow(reason)
  })

  test('is not written through', async () => {
    symlinkSync(outside, join(path, '.hdsync-target.new'))
    await writeMarker(path, 'hdd1', 0)
    expect(readFileSync(outside, 'utf8')).toBe('mine')
    expect(readMarker(path)?.target).toBe('hdd1')
  })
})
