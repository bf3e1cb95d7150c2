import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import type { Target } from '../../config/config.ts'
import { HdsyncError } from '../../errors.ts'
import { CommandError, type CommandRunner } from '../command/command.ts'
import { type Mount, mountOf, readMounts } from '../mount/mountinfo.ts'
import { realPath } from '../mount/real-path.ts'

/** Something of a file that a target does not keep. */
export interface Lack {
  what: 'owners' | 'modes' | 'links' | 'special files' | 'names' | 'access lists' | 'attributes'
  /** What it costs, for people to read. */
  cost: string
  /** Whether what has it cannot be copied at all, which most sources have somewhere. */
  isGrave: boolean
}

/** What a probe found, and of which file system. */
export interface Probed {
  type: string
  lacks: Lack[]
  /** What to do about it. */
  remedy: string
}

const prefix = '.hdsync-probe-'
/** What is older was left by one that was killed. */
const staleMs = 3_600_000
/** Some user that is not root; it need not exist. */
const somebody = 1234
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants

/**
 * Finds out what of a file a target keeps, by a folder that is made there and removed again, with all in it that a mirror may
 * have to keep. By behaviour, as mount options do not tell everything; where setfacl(1) or setfattr(1) is not installed,
 * by what is known of the file system. Safe beside a run, and to repeat.
 * @param target It has been proven. Only root can give files away: for others owners are not probed.
 * @returns undefined where it cannot be told: the disk is full, or has errors.
 */
export async function probeTarget(target: Target, runner: CommandRunner): Promise<Probed | undefined> {
  const path = realPath(target.path)
  const mount = mountOf(readMounts(), path)
  const top = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const below = `/proc/${process.pid}/fd/${top}`
    removeStale(below)
    const folder = `${below}/${prefix}${randomBytes(6).toString('hex')}`
    mkdirSync(folder, { mode: 0o700 })
    try {
      const lacks = await probeFolder(folder, mount, runner)
      return { type: mount?.type ?? 'unknown', lacks, remedy: remedyOf(target, path, mount) }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code && ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].includes(code)) return undefined
    throw error
  } finally {
    closeSync(top)
  }
}

function removeStale(below: string): void {
  for (const name of readdirSync(below)) {
    if (!name.startsWith(prefix)) continue
    const found = lstatSync(`${below}/${name}`, { throwIfNoEntry: false })
    if (found?.isDirectory() && Date.now() - found.ctimeMs > staleMs) {
      rmSync(`${below}/${name}`, { recursive: true, force: true })
    }
  }
}

async function probeFolder(path: string, mount: Mount | undefined, runner: CommandRunner): Promise<Lack[]> {
  // By its own number, as no name in a disk that others can write stands for the same thing twice.
  const folder = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  const at = `/proc/${process.pid}/fd/${folder}`
  const fd = openSync(`${at}/file`, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    const found = [
      probeOwner(fd),
      probeMode(fd),
      probeLinks(at),
      await probeSpecial(at, runner),
      probeNames(at),
      await probeAccessLists(at, mount, runner),
      await probeAttributes(at, mount, runner),
    ]
    return found.filter((lack) => lack !== undefined)
  } finally {
    closeSync(fd)
    closeSync(folder)
  }
}

function probeOwner(fd: number): Lack | undefined {
  if (process.geteuid?.() !== 0) return undefined
  const refused = refusal(() => fchownSync(fd, somebody, somebody))
  const { uid, gid } = fstatSync(fd)
  if (!refused && uid === somebody && gid === somebody) return undefined
  const cost = 'whom a file belongs to is lost'
  return { what: 'owners', cost, isGrave: refused !== undefined }
}

function probeMode(fd: number): Lack | undefined {
  const mode = 0o4751
  const refused = refusal(() => fchmodSync(fd, mode))
  if (!refused && (fstatSync(fd).mode & 0o7777) === mode) return undefined
  return {
    what: 'modes',
    cost: 'who may read, write and execute a file is lost',
    isGrave: refused !== undefined,
  }
}

function probeLinks(at: string): Lack | undefined {
  const soft = refusal(() => symlinkSync('nowhere', `${at}/link`))
  const hard = refusal(() => linkSync(`${at}/file`, `${at}/hard`))
  if (!soft && !hard) return undefined
  const kinds = [soft && 'symbolic', hard && 'hard'].filter(Boolean).join(' and ')
  return { what: 'links', cost: `${kinds} links cannot be copied`, isGrave: soft !== undefined }
}

async function probeSpecial(at: string, runner: CommandRunner): Promise<Lack | undefined> {
  if ((await tryCommand(runner, ['mkfifo', '--', `${at}/fifo`])) !== 'refused') return undefined
  return { what: 'special files', cost: 'FIFOs, sockets and devices cannot be copied', isGrave: false }
}

function probeNames(at: string): Lack | undefined {
  const names: [kind: string, name: Buffer][] = [
    ['of 255 bytes', Buffer.alloc(255, 'x')],
    ['with a colon', Buffer.from('a:b')],
    ['that are not UTF-8', Buffer.from([0x66, 0xff, 0xfe])],
    // There is a `file`.
    ['that differ in case alone', Buffer.from('FILE')],
  ]
  const bad = names.flatMap(([kind, name]) => {
    const path = Buffer.concat([Buffer.from(`${at}/`), name])
    const refused = refusal(() => {
      closeSync(openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600))
      // rm(1) of Node cannot remove each of them.
      unlinkSync(path)
    })
    return refused ? [kind] : []
  })
  if (bad.length === 0) return undefined
  return { what: 'names', cost: `what has a name ${bad.join(', or ')} cannot be copied`, isGrave: false }
}

async function probeAccessLists(
  at: string,
  mount: Mount | undefined,
  runner: CommandRunner,
): Promise<Lack | undefined> {
  const argv = ['setfacl', '--modify', `user:${somebody}:r`, '--', `${at}/file`] as const
  const said = await tryCommand(runner, argv)
  if (said === 'done' || (said === 'unknown' && isKnownToKeep(mount, 'acl'))) return undefined
  return {
    what: 'access lists',
    cost: 'what has an access list (ACL) cannot be copied whole',
    isGrave: false,
  }
}

async function probeAttributes(
  at: string,
  mount: Mount | undefined,
  runner: CommandRunner,
): Promise<Lack | undefined> {
  const argv = ['setfattr', '--name=user.hdsync', '--value=1', '--', `${at}/file`] as const
  const said = await tryCommand(runner, argv)
  if (said === 'done' || (said === 'unknown' && isKnownToKeep(mount, 'user_xattr'))) return undefined
  const cost = 'what has an extended attribute (xattr) cannot be copied whole'
  return { what: 'attributes', cost, isGrave: false }
}

/** Full disks are not what is asked for. */
function refusal(what: () => void): NodeJS.ErrnoException | undefined {
  try {
    what()
    return undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code && ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].includes(code)) throw error
    return error as NodeJS.ErrnoException
  }
}

/** `unknown`: it is not installed, or fails for another reason than that the file system cannot. */
async function tryCommand(
  runner: CommandRunner,
  argv: readonly [string, ...string[]],
): Promise<'done' | 'refused' | 'unknown'> {
  try {
    await runner.run({ argv, timeoutMs: 30_000 })
    return 'done'
  } catch (error) {
    if (!(error instanceof HdsyncError)) throw error
    const said = error instanceof CommandError ? error.stderr : ''
    return /not supported|not permitted|Invalid argument/i.test(said) ? 'refused' : 'unknown'
  }
}

const withoutAttributes = ['vfat', 'msdos', 'exfat', 'hfs', 'hfsplus', 'ntfs', 'fuseblk', 'minix']

function isKnownToKeep(mount: Mount | undefined, option: 'acl' | 'user_xattr'): boolean {
  if (!mount) return true
  if (mount.type === 'reiserfs') return mount.superOptions.includes(option)
  return !withoutAttributes.includes(mount.type) && !mount.superOptions.includes(`no${option}`)
}

/** File systems that keep both once they are mounted with these options. */
const withOptions = ['reiserfs', 'ext2', 'ext3', 'ext4', 'jfs']

function remedyOf({ name, mounts }: Target, path: string, mount: Mount | undefined): string {
  const better = 'use a disk with ext4, XFS or btrfs'
  if (!mount || !withOptions.includes(mount.type)) return better
  const isOurs = mounts.some(({ at }) => realPath(at) === mountOf(readMounts(), path)?.at)
  return isOurs
    ? `add \`options: [acl, user_xattr]\` to the mount at ${mount.at} in targets.${name}.mounts`
    : `mount -o remount,acl,user_xattr ${mount.at}, and the same in /etc/fstab`
}
