import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { backingFiles, deviceNumber, isFrom, membersOf } from '../../../../../runtime/host/mount/devices.ts'
import { parseMountinfo } from '../../../../../runtime/host/mount/mountinfo.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'

/** /sys with two btrfs, as the kernel shows them while they are mounted. */
function sysWithBtrfs(): string {
  const sys = temporaryFolder()
  const member = (uuid: string, name: string, number: string) => {
    const folder = join(sys, 'fs/btrfs', uuid, 'devices', name)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'dev'), `${number}\n`)
  }
  member('8b33f471', 'no-such-b', '98:32')
  member('8b33f471', 'no-such-c', '98:48')
  member('1c2d3e4f', 'no-such-x', '8:1')
  mkdirSync(join(sys, 'fs/btrfs/features'))
  return sys
}
// Recorded: `mount /dev/ubdd /mnt/x` of a RAID1 of ubdc and ubdd; the names are other ones here.
const [raid, plain, share] =
  parseMountinfo(`32 29 0:28 / /mnt/x rw - btrfs /dev/no-such-b rw,subvolid=5,subvol=/
33 29 8:17 / /mnt/hdd1 rw - ext4 /dev/sdb1 rw
34 29 0:50 / /mnt/nfs rw - nfs4 server:/export rw
`)

describe('isFrom()', () => {
  test.each(['98:32', '98:48'])('knows a btrfs by each of its disks: %s', (number) => {
    expect(raid && isFrom(raid, number, sysWithBtrfs())).toBe(true)
  })

  test('knows other disks from it', () => {
    const sys = sysWithBtrfs()
    expect(raid && isFrom(raid, '8:1', sys)).toBe(false)
    expect(plain && isFrom(plain, '8:17', sys)).toBe(true)
    expect(plain && isFrom(plain, '8:18', sys)).toBe(false)
  })
})

test('membersOf() a network share are none', () => {
  expect(share && membersOf(share, sysWithBtrfs())).toEqual([])
})

test('deviceNumber() is that of the node', () => {
  expect(deviceNumber('/dev/null', '/dev/null')).toBe('1:3')
  expect(() => deviceNumber('/nowhere', 'UUID=1')).toThrow('the disk UUID=1 is not there')
  expect(() => deviceNumber('/', '/')).toThrow('is not a device')
})

test('backingFiles() are found through what lies on a loop device', () => {
  const sys = temporaryFolder()
  const block = join(sys, 'dev/block')
  mkdirSync(join(block, '7:0/loop'), { recursive: true })
  writeFileSync(join(block, '7:0/loop/backing_file'), '/srv/disk.img\n')
  mkdirSync(join(block, '254:0/slaves/loop0/loop'), { recursive: true })
  writeFileSync(join(block, '254:0/slaves/loop0/loop/backing_file'), '/srv/crypt.img\n')
  mkdirSync(join(block, '8:0'))
  expect(backingFiles('7:0', sys)).toEqual(['/srv/disk.img'])
  expect(backingFiles('254:0', sys)).toEqual(['/srv/crypt.img'])
  expect(backingFiles('8:0', sys)).toEqual([])
})
