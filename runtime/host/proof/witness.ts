import { type BigIntStats, constants, lstatSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { nameOf, OpenFolder } from '../points/open-folder.ts'
import type { Digests } from './digests.ts'

/** A file that was looked at in an open folder. */
export interface Seen {
  stats: BigIntStats
  /** In hexadecimal digits; `unreadable` where its disk has lost it. */
  sha256: string | 'unreadable'
}

/**
 * Looks at what lies at a path.
 * @returns undefined where no regular file of this file system is there; a link on the way is not followed.
 */
export function lookAt(root: OpenFolder, path: Buffer): BigIntStats | undefined {
  try {
    using parent = root.parentOf(path)
    const stats = lstatSync(parent.at(nameOf(path)), { bigint: true, throwIfNoEntry: false })
    return stats?.isFile() && stats.dev === deviceOf(root) ? stats : undefined
  } catch {
    return undefined
  }
}

/**
 * Reads a file, and sees to it that it has not changed meanwhile.
 * @param expected What `lookAt` has told of it.
 * @returns undefined where it has.
 */
export async function readUnchanged(
  root: OpenFolder,
  path: Buffer,
  expected: BigIntStats,
  digests: Digests,
): Promise<Seen | undefined> {
  using parent = root.parentOf(path)
  const name = nameOf(path)
  parent.at(name)
  const sha256 = await digests
    .of(Buffer.concat([Buffer.from(`${parent.forCommands}/`), name]))
    .then(({ sha256 }) => sha256)
    .catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EIO') return 'unreadable' as const
      if (['ENOENT', 'ELOOP'].includes(error.code ?? '')) return undefined
      throw error
    })
  const after = lstatSync(parent.at(name), { bigint: true, throwIfNoEntry: false })
  const isSame = after && isUnchanged(expected, after)
  return sha256 !== undefined && isSame ? { stats: after, sha256 } : undefined
}

/** Its bytes. Whoever reads them has to know what they should be. */
export async function* bytesOf(folder: string, path: Buffer): AsyncGenerator<Uint8Array> {
  using root = OpenFolder.at(folder)
  using parent = root.parentOf(path)
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  await using file = await open(parent.at(nameOf(path)), flags)
  yield* file.createReadStream({ autoClose: false })
}

function isUnchanged(one: BigIntStats, other: BigIntStats): boolean {
  const facts = ({ ino, dev, size, mtimeNs, ctimeNs }: BigIntStats) =>
    [ino, dev, size, mtimeNs, ctimeNs].join()
  return facts(one) === facts(other)
}

function deviceOf(root: OpenFolder): bigint {
  return lstatSync(`${root.self}/.`, { bigint: true }).dev
}
