import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { TerminalError } from '../../../../../runtime/errors.ts'
import {
  filesystemType,
  hasDriverOfExt2,
  snapshotMountOptions,
  snapshotType,
} from '../../../../../runtime/host/mount/filesystem.ts'
import { parseMountinfo } from '../../../../../runtime/host/mount/mountinfo.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

const safe = ['ro', 'nodev', 'nosuid', 'noexec']
const live = (type: string, options: string) =>
  parseMountinfo(`28 1 254:0 / /var rw - ${type} /dev/mapper/vg01-lv_var ${options}\n`)[0]

describe('snapshotMountOptions()', () => {
  test.each([
    ['ext4', safe],
    ['reiserfs', safe],
    ['xfs', [...safe, 'nouuid']],
  ])('of %s are read-only and harmless', (type, options) => {
    expect(snapshotMountOptions(type, undefined)).toEqual(options)
  })

  test('keep what makes attributes visible on the live volume, and nothing else of it', () => {
    expect(
      snapshotMountOptions('reiserfs', live('reiserfs', 'rw,user_xattr,acl,nolog,errors=panic')),
    ).toEqual([...safe, 'user_xattr', 'acl'])
    expect(snapshotMountOptions('xfs', live('ext4', 'rw,acl'))).toEqual([...safe, 'nouuid'])
  })

  test('never skip the replay of the journal', () => {
    for (const type of ['ext3', 'ext4', 'reiserfs', 'xfs', 'jfs']) {
      const options = snapshotMountOptions(type, live(type, 'rw,norecovery,noload,nolog'))
      expect(options.filter((option) => /^no(recovery|load|log)$/.test(option))).toEqual([])
    }
  })

  test('are refused for btrfs', () => {
    expect(() => snapshotMountOptions('btrfs', undefined)).toThrow(TerminalError)
  })
})

describe('snapshotType()', () => {
  test('is that of the live volume, without a further command', async () => {
    const { runner, recorded } = recordingRunner()
    expect(await snapshotType(runner, '/dev/null', live('reiserfs', 'rw'))).toBe('reiserfs')
    expect(recorded).toEqual([])
  })

  test('is asked of the device when the live volume is not mounted, or as ext2, which may be an ext3', async () => {
    const { runner, recorded } = recordingRunner()
    await snapshotType(runner, '/dev/null', undefined)
    await snapshotType(runner, '/dev/null', live('ext2', 'rw'))
    expect(recorded.map(({ argv }) => argv[0])).toEqual(['blkid', 'blkid'])
  })
})

test.each([
  ['modules.builtin', 'kernel/fs/ext2/ext2.ko\n', true],
  [
    'modules.dep',
    'kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko\nkernel/fs/ext2/ext2.ko.xz: kernel/fs/mbcache.ko\n',
    true,
  ],
  ['modules.dep', 'kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko\n', false],
])('hasDriverOfExt2() looks into %s', (name, text, has) => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, name), text)
  expect(hasDriverOfExt2(folder)).toBe(has)
})

test('filesystemType() of a device without a file system is none', async () => {
  expect(await filesystemType(recordingRunner().runner, '/dev/null')).toBeUndefined()
})
