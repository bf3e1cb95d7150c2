import { realpathSync, type Stats, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Folder, inFolder } from './safe-open.ts'

/** A way for others than root to what lies on a target. */
export interface Door {
  /** They can look into it, or put something of theirs there. */
  kind: 'open' | 'writable'
  reason: string
  /** What ends that, each a command or a sentence. */
  mend: string[]
}

/** File systems that know no owners or modes, or not those of this machine: mount options say who may do what. */
const withoutModes = new Map([
  [0x4d44, 'vfat'],
  [0x2011bab0, 'exFAT'],
  [0x5346544e, 'NTFS'],
  [0x7366746e, 'NTFS'],
  [0x65735546, 'FUSE'],
])
const shares = new Map([
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'CIFS'],
])

/** Anybody's write bit, or the group's. */
const othersWrite = 0o022
const sticky = 0o1000

/**
 * Who else than root and the user who runs hdsync can get at a target. A mirror keeps the modes of its source, but not of the
 * folders above the source: in an open target users could read or change what they cannot on the live system. Whoever can
 * write in the target, or replace it, can do more.
 * @param path The folder of a target. It is there.
 * @param uid The user who runs hdsync.
 * @returns Nothing where it is closed.
 */
export function doorsOf(path: string, target: string, uid = process.geteuid?.() ?? 0): Door[] {
  const stats = inFolder(path, (folder) => folder.stat())
  const above = [...new Set([...foldersAbove(realpathSync(path)), ...foldersAbove(path)])]
  const doors = above.flatMap((folder) => replaceable(folder, statSync(folder), uid) ?? [])
  const own = doorOf(path, stats, uid, target)
  return own ? [own, ...doors] : doors
}

function doorOf(path: string, stats: Stats, uid: number, target: string): Door | undefined {
  const { uid: owner, mode } = stats
  const shown = (mode & 0o7777).toString(8).padStart(4, '0')
  const option = mountOption(path)
  if (!isTrusted(owner, uid)) {
    return {
      kind: 'writable',
      reason: `${path} belongs to user ${owner}, who can change every backup there`,
      mend: option
        ? [`mount it with ${option.owner}`]
        : [`chown root:root ${path}`, `chmod 0700 ${path}`, `hdsync target adopt ${target}`],
    }
  }
  if (mode & othersWrite) {
    return {
      kind: 'writable',
      reason: `others than root can write in ${path} (mode ${shown}): they could change backups, or plant links there`,
      mend: option
        ? [`mount it with ${option.closed}`]
        : [`chmod 0700 ${path}`, `hdsync target adopt ${target}`],
    }
  }
  if (!(mode & 0o077)) return undefined
  return {
    kind: 'open',
    reason: `others than root can look into ${path} (mode ${shown}): a mirror may be more open than the folders above its source`,
    mend: option
      ? [`${option.type} keeps no modes: mount it with ${option.closed}`]
      : ['hdsync target adopt --all'],
  }
}

/** Whether somebody else could put another folder in the place of one in this one. */
function replaceable(folder: string, { uid: owner, mode }: Stats, uid: number): Door | undefined {
  if (!isTrusted(owner, uid)) {
    return {
      kind: 'writable',
      reason: `${folder} belongs to user ${owner}, who can put another folder in the place of the target below it`,
      mend: [`move the target to where root alone can write, such as /srv/backup; or chown root ${folder}`],
    }
  }
  // In a folder with the sticky bit nobody replaces what is another's.
  if (!(mode & othersWrite) || mode & sticky) return undefined
  return {
    kind: 'writable',
    reason: `others than root can write in ${folder}, and put another folder in the place of the target below it`,
    mend: [`chmod go-w ${folder}`],
  }
}

function isTrusted(owner: number, uid: number): boolean {
  return owner === 0 || owner === uid
}

/** The mount option that closes a file system whose modes are not its own; undefined where chmod does. */
function mountOption(path: string): { type: string; closed: string; owner: string } | undefined {
  const { type } = statfsSync(path)
  const name = withoutModes.get(type)
  if (name) {
    return { type: name, closed: '`options: [umask=077]`', owner: '`options: [uid=0, gid=0, umask=077]`' }
  }
  const share = shares.get(type)
  if (!share) return undefined
  const closed = '`options: [uid=0, dir_mode=0700, file_mode=0600]`'
  return { type: share, closed, owner: closed }
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path)
  return folder === path ? [] : [folder, ...foldersAbove(folder)]
}

/**
 * Closes a target for everybody but its owner. Safe to repeat.
 * @returns Whether it was open. Where it still is afterwards, `doorsOf` says why.
 */
export function closeDoor(folder: Folder): boolean {
  if (!(folder.stat().mode & 0o077)) return false
  try {
    folder.close()
  } catch {
    // Of another user, or on a file system that keeps no modes: what is still open is looked at afterwards.
  }
  return true
}

/** What is wrong, in one sentence with what to do about it. */
export function doorText({ reason, mend }: Door): string {
  return `${reason} (${mend.join(' && ')})`
}
