import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { HdsyncError, TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import type { Mount } from './mountinfo.ts'

/** File systems that lie on another machine, or that some program makes up. */
export const networkTypes = /^(nfs4?|cifs|smb3|smbfs|ceph|glusterfs|9p|virtiofs|afs|fuse\.(?!(?:ntfs|exfat)))/
/** Images that are mounted to be read. */
export const imageTypes: ReadonlySet<string> = new Set(['squashfs', 'iso9660', 'udf', 'erofs'])

/** The type of the file system on a device, by its own look at it (no cache), or undefined. @see blkid(8) */
export async function filesystemType(runner: CommandRunner, device: string): Promise<string | undefined> {
  const argv = ['blkid', '--probe', '--match-tag', 'TYPE', '--output', 'value', '--', device] as const
  // 2: nothing was found, or it could not be told.
  const { stdout } = await runner.run({ argv, timeoutMs: 30_000, accept: [0, 2] })
  return stdout.trim() || undefined
}

/**
 * The type of file system that a snapshot holds: that of the live volume where it is mounted, which saves a
 * command while the snapshot lives. ext2 is asked of the device, as ext3 can be mounted as ext2.
 */
export async function snapshotType(
  runner: CommandRunner,
  device: string,
  live: Mount | undefined,
): Promise<string | undefined> {
  return live && live.type !== 'ext2' ? live.type : filesystemType(runner, device)
}

/**
 * Whether the kernel has ext2's own driver, which keeps whole seconds. Most kernels of today leave ext2 to that of
 * ext4. False where it cannot be told.
 * @param modules What kernel and depmod say of the modules there are.
 */
export function hasDriverOfExt2(modules = join('/lib/modules', release())): boolean {
  return ['modules.builtin', 'modules.dep'].some((name) => {
    try {
      return /^\S*\/ext2\.ko/m.test(readFileSync(join(modules, name), 'utf8'))
    } catch {
      return false
    }
  })
}

/**
 * Whether an ext2, ext3 or ext4 that is not mounted keeps times finer than seconds: its inodes have room for them from
 * 256 bytes on. True where it cannot be told. @see dumpe2fs(8)
 */
export async function inodesKeepSubseconds(runner: CommandRunner, device: string): Promise<boolean> {
  try {
    const { stdout } = await runner.run({ argv: ['dumpe2fs', '-h', '--', device], timeoutMs: 30_000 })
    return Number(/^Inode size:\s+(\d+)/m.exec(stdout)?.[1] ?? 256) >= 256
  } catch (error) {
    if (error instanceof HdsyncError) return true
    throw error
  }
}

/**
 * How to mount a writable snapshot of this file system read-only: the journal is replayed inside the
 * snapshot. Options that skip the replay (`norecovery`, `noload`, `nolog`) would show an older tree, so they
 * are never used.
 * @param origin The mount of the live volume: attributes that it shows must not be missing from the copy.
 * @throws {TerminalError} A snapshot of this file system must not be mounted.
 */
export function snapshotMountOptions(type: string, origin: Mount | undefined): string[] {
  if (type === 'btrfs') {
    throw new TerminalError('a block-level snapshot of btrfs has the UUID of its origin and may corrupt it', {
      hint: 'back it up as a directory, or use snapshots of btrfs itself',
    })
  }
  const kept = ['user_xattr', 'acl', 'noacl', 'nouser_xattr']
  return [
    'ro',
    'nodev',
    'nosuid',
    'noexec',
    // XFS refuses a second file system of one UUID.
    ...(type === 'xfs' ? ['nouuid'] : []),
    ...(origin?.type === type ? origin.superOptions.filter((option) => kept.includes(option)) : []),
  ]
}
