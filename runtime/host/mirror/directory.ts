import { readdirSync, realpathSync, statfsSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { TerminalError } from '../../errors.ts'
import { mountOf, readMounts } from '../mount/mountinfo.ts'

const lostAndFound = Buffer.from('lost+found')

/**
 * Whether a folder is empty, but for the lost+found of ext2/3/4.
 * @throws {TerminalError} It is not a folder that can be read.
 */
export function isEmptyDirectory(path: string): boolean {
  try {
    // As bytes: reiserfs does not tell types, which opendir() then asks for, by names that need not be UTF-8.
    return readdirSync(path, 'buffer').every((name) => name.equals(lostAndFound))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ENOENT' ? 'it does not exist' : code === 'ENOTDIR' ? 'it is not a directory' : message
    throw new TerminalError(`cannot read ${path}: ${reason}`)
  }
}

/**
 * Whether the file system of a folder keeps times finer than seconds: ext3 and reiserfs do not, and ext4
 * depends on how it was made. The folder's own time of change tells, as the kernel alone sets that one.
 */
export function keepsSubsecondTimes(folder: string): boolean {
  return statSync(folder, { bigint: true }).ctimeNs % 1_000_000_000n !== 0n
}

/** Those that set it at every change: ext2 to ext4, XFS, btrfs, ZFS, bcachefs, tmpfs, overlayfs. */
const keepTimeOfChange = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xca451a4e, 0x01021994, 0x794c7630,
])
const reiserfs = 0x52654973

/**
 * Whether the time of change of a file tells every change of it. In file systems that come from elsewhere (vfat, exFAT)
 * or lie elsewhere (NFS, CIFS) it may mean something else; F2FS does not always set it with an attribute, nor does reiserfs
 * when an attribute or an access list becomes shorter, so that one has to be mounted without them, as it is by default.
 * @see statfs(2), whose types these are
 */
export function keepsTimesOfChange(folder: string): boolean {
  const { type } = statfsSync(folder)
  if (type !== reiserfs) return keepTimeOfChange.has(type)
  const mount = mountOf(readMounts(), realpathSync(folder))
  return mount !== undefined && !['acl', 'user_xattr'].some((option) => mount.superOptions.includes(option))
}

const f2fs = 0xf2f52010

/** Whether the time of change of a file tells when its contents were changed; other changes it need not tell. */
export function tellsChangedContents(folder: string): boolean {
  const { type } = statfsSync(folder)
  return keepTimeOfChange.has(type) || type === reiserfs || type === f2fs
}

/** Bytes that are free for everybody. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}
