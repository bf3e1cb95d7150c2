import type { Command } from '../command/command.ts'

/** What to copy where, and what may be lost on the way. */
export interface SyncPlan {
  /** The mounted snapshot, or the directory. */
  from: string
  /** The mirror. */
  to: string
  exclude: readonly string[]
  /** Deletions that are permitted; none are made beyond. */
  maxDelete: number
  /** Stops the copy: the snapshot has become unreadable. */
  signal?: AbortSignal | undefined
  /** Compare contents, not sizes and times alone: the mirror is not to be trusted. */
  checksum?: boolean
  /** A file with the names of those that alone are copied, each ended by a NUL; nothing is deleted then. */
  only?: string
  /**
   * A file with the names of all that can differ, each ended by a NUL: nothing else is looked at. Of a folder with a slash
   * behind it, what is directly in it is looked at too, and what the source does not have there is deleted.
   */
  listed?: string | undefined
  /** A forecast also names the files that would get other contents. */
  changes?: true
  /** Nothing is copied, only deleted. */
  onlyDelete?: true
  /** Whether the target's file system keeps fractions of a second; see rsync(1), --modify-window. */
  subsecondTimes: boolean
  /** How much is copied at most. */
  bytesPerSecond?: number | undefined
}

const here = Buffer.from('./')
const nul = Buffer.from([0])

/**
 * A name as rsync(1) reads it in a list with --from0. It takes one that begins with `#` or `;` for a remark, unless something
 * stands before that.
 */
export function listLine(name: Uint8Array): Buffer {
  return Buffer.concat([here, name, nul])
}

/** Holds rsync(1) to a rate; nothing where there is none. */
export function rateOption(bytesPerSecond: number | undefined): string[] {
  return bytesPerSecond === undefined ? [] : [`--bwlimit=${Math.floor(bytesPerSecond / 1024)}`]
}

/**
 * The argument vector of a copy that keeps everything that POSIX and Linux know about a file.
 *
 * A mount of its own at the root of the mirror has a lost+found that the source may not have; the protecting
 * filter keeps rsync from deleting it.
 */
export function rsyncArgv(plan: SyncPlan, forecast = false): Command['argv'] {
  const { only, listed } = plan
  const list = only ?? listed
  return [
    'rsync',
    '--archive',
    '--hard-links',
    '--acls',
    // Twice: with those of rsync itself, in which a store made with --fake-super keeps its owners and modes.
    '--xattrs',
    '--xattrs',
    '--numeric-ids',
    '--sparse',
    '--one-file-system',
    // Of those that are named, what the mirror does not have yet is for the copy of everything.
    ...(only === undefined
      ? plan.onlyDelete
        ? ['--delete-before', '--existing', '--ignore-existing']
        : ['--delete-delay']
      : ['--existing']),
    ...(list === undefined
      ? []
      : [
          ...(only === undefined ? ['--dirs'] : []),
          `--files-from=${list}`,
          '--from0',
          '--ignore-missing-args',
        ]),
    ...(plan.subsecondTimes ? ['--modify-window=-1'] : []),
    ...(plan.checksum ? ['--checksum'] : []),
    ...(forecast
      ? ['--dry-run', '--info=del,stats2', ...(plan.changes ? ['--out-format=%i %n'] : [])]
      : [
          ...(only === undefined ? [`--max-delete=${plan.maxDelete}`] : []),
          ...rateOption(plan.bytesPerSecond),
          '--info=progress2,stats2',
          '--out-format=%i',
        ]),
    '--no-human-readable',
    // What restores have replaced there.
    '--filter=- /.hdsync-undo',
    '--filter=P /lost+found',
    ...plan.exclude.map((pattern) => `--exclude=${pattern}`),
    // Rsync does not look at the folders above a file that is named.
    ...(list === undefined ? [] : plan.exclude.flatMap(excludeBelow)),
    '--',
    `${plan.from.replace(/\/*$/, '')}/`,
    `${plan.to.replace(/\/*$/, '')}/`,
  ]
}

/** Excludes what is in the folders that a pattern excludes. */
function excludeBelow(pattern: string): string[] {
  const folder = pattern.replace(/\/$/, '')
  // Without wildcards, a backslash is one; and the source's own folder is never excluded.
  const asWild = /[*?[]/.test(folder) ? folder : folder.replaceAll('\\', '\\\\')
  return folder === '' ? [] : [`--exclude=${asWild}/**`]
}
