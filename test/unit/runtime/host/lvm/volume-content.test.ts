import { expect, test } from 'vitest'
import { CommandError, type CommandRunner } from '../../../../../runtime/host/command/command.ts'
import { mountableType, UnmountableError } from '../../../../../runtime/host/lvm/volume-content.ts'
import { parseMountinfo } from '../../../../../runtime/host/mount/mountinfo.ts'

const volume = { vg: 'vg01', lv: 'lv_var', path: '/dev/vg01/lv_var', device: '254:3' }
const notMounted = parseMountinfo('28 1 254:0 / / rw - ext4 /dev/mapper/vg01-root rw\n')

/** What programs say, by the tag that blkid is asked for; modprobe finds nothing. */
function machine(said: {
  TYPE?: string
  PTTYPE?: string
  blkidExit?: number
}): CommandRunner & { asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    async run({ argv }) {
      asked.push(argv[0])
      const fails = (exitCode: number) => {
        throw new CommandError('no', { argv, exitCode, signal: undefined, stderr: '', timedOut: false })
      }
      if (argv[0] === 'modprobe') fails(1)
      if (said.blkidExit && argv.includes('TYPE')) fails(said.blkidExit)
      const tag = argv.includes('PTTYPE') ? 'PTTYPE' : 'TYPE'
      return { exitCode: 0, stdout: `${said[tag] ?? ''}\n`, stderr: '', durationMs: 0 }
    },
    open: () => {
      throw new Error('nothing is talked to here')
    },
  }
}

test.each([
  ['encrypted data', { TYPE: 'crypto_LUKS' }, /holds encrypted data/],
  ['swap', { TYPE: 'swap' }, /holds swap/],
  ['a physical volume', { TYPE: 'LVM2_member' }, /holds a physical volume of LVM/],
  ['a part of a RAID', { TYPE: 'linux_raid_member' }, /holds a part of something else/],
  ['a part of a pool', { TYPE: 'zfs_member' }, /holds a part of something else/],
  ['the journal of another file system', { TYPE: 'jbd' }, /holds the journal/],
  ['nothing', {}, /holds nothing that is known/],
  ['the disk of a virtual machine', { PTTYPE: 'gpt' }, /holds a partition table \(gpt\)/],
  ['the marks of several file systems', { blkidExit: 8 }, /holds the marks of several/],
  ['what this kernel cannot mount', { TYPE: 'nosuchfs' }, /holds nosuchfs, which this kernel cannot mount/],
  ['btrfs', { TYPE: 'btrfs' }, /holds btrfs: a block-level snapshot/],
])('mountableType() refuses %s, which no second trial changes', async (_, said, message) => {
  const refused = mountableType(machine(said), volume, notMounted)
  await expect(refused).rejects.toThrow(message)
  await expect(refused).rejects.toThrow(UnmountableError)
})

test('mountableType() asks no program where the volume is mounted', async () => {
  const mounts = parseMountinfo('30 28 254:3 / /var rw - reiserfs /dev/mapper/vg01-lv_var rw\n')
  const runner = machine({})
  expect(await mountableType(runner, volume, mounts)).toBe('reiserfs')
  expect(runner.asked).toEqual([])
})

test('mountableType() takes what the kernel knows', async () => {
  // In each kernel.
  expect(await mountableType(machine({ TYPE: 'tmpfs' }), volume, notMounted)).toBe('tmpfs')
})

test('mountableType() lets other failures be tried again', async () => {
  await expect(mountableType(machine({ blkidExit: 4 }), volume, notMounted)).rejects.not.toThrow(
    UnmountableError,
  )
})
