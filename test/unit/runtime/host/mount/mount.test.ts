import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CommandError } from '../../../../../runtime/host/command/command.ts'
import { mountArgv, mountComplaint, umountArgv, unmount } from '../../../../../runtime/host/mount/mount.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { recordingRunner } from '../runner.ts'

const mayMount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

const said = (stderr: string) =>
  new CommandError('mount ended with exit code 32', {
    argv: ['mount'],
    exitCode: 32,
    signal: undefined,
    stderr,
    timedOut: false,
  })

describe('mountArgv()', () => {
  test('names the type and the options only where there are some', () => {
    const device = '/dev/sdb1'
    expect(mountArgv({ device, at: '/mnt' })).toEqual(['mount', '--', device, '/mnt'])
    expect(mountArgv({ device, at: '/mnt', type: 'ext4', options: ['ro', 'nodev'] })).toEqual([
      'mount',
      '-t',
      'ext4',
      '-o',
      'ro,nodev',
      '--',
      device,
      '/mnt',
    ])
    expect(mountArgv({ device, at: '/mnt', options: [] })).not.toContain('-o')
  })

  test('takes no place for an option', () => {
    expect(mountArgv({ device: '-a', at: '-v' })).toEqual(['mount', '--', '-a', '-v'])
    expect(umountArgv('-a')).toEqual(['umount', '--', '-a'])
  })
})

describe('mountComplaint()', () => {
  test.each([
    [
      "mount: /mnt: can't read superblock on /dev/mapper/vg01-full.\n       dmesg(1) may have more information after failed mount system call.\n",
      "mount: can't read superblock on /dev/mapper/vg01-full.",
    ],
    ['\n', 'mount ended with exit code 32'],
  ])('of %j is %j', (stderr, complaint) => expect(mountComplaint(said(stderr))).toBe(complaint))
})

describe('unmount()', () => {
  test('fails at once where nothing is mounted, as it is not busy', async () => {
    const { runner, recorded } = recordingRunner()
    await expect(unmount(runner, '/nowhere/at/all')).rejects.toThrow(/^umount ended with exit code 32/)
    expect(recorded).toHaveLength(1)
  })
})

describe.runIf(mayMount)('in a sandbox', () => {
  // The outer namespace stands for the machine, the inner one for the service.
  const script = `
    HDSYNC_MOUNT_NAMESPACE=/proc/$$/ns/mnt
    export HDSYNC_MOUNT_NAMESPACE
    inside() { unshare --mount --propagation slave "$node" "$child" "$1" "$folder"; }
    look() { grep -c " $folder " /proc/self/mountinfo; }
    inside mount; look
    inside unmount; look`

  test('mounts are made and removed on the machine, and seen inside', () => {
    const folder = temporaryFolder()
    const child = join(import.meta.dirname, '../mount-child.ts')
    const { stdout } = spawnSync('unshare', ['--mount', '--propagation', 'shared', 'sh', '-c', script], {
      encoding: 'utf8',
      env: { ...process.env, node: process.execPath, child, folder },
    })
    expect(stdout.split('\n')).toEqual(['seen', '1', 'not seen', '0', ''])
  })
})
