import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, lstat, open, readdir, rename, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { RetryableError, TerminalError } from '../../errors.ts'
import type { Folder } from '../target/safe-open.ts'

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants
/** A folder that is filled again while it is emptied is emptied so often. */
const mostAttempts = 20

/**
 * Removes what lies under a name in an open folder, a folder with everything in it. Whose it is may change it meanwhile: no link
 * is followed, and no folder of anybody else is emptied. Names are bytes, as they need not be text.
 * @param owner The user whose folders are emptied.
 * @throws {TerminalError} It is, or holds, a folder of somebody else.
 * @throws {RetryableError} It is being filled.
 */
export async function removeTree(folder: Folder, name: Buffer, owner: number): Promise<void> {
  const attempts = new Map<string, number>()
  const left = [name]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const path = pathOf(folder.at, next)
    if (!(await isFolder(path))) {
      await orGone(unlink(path))
      continue
    }
    const attempt = (attempts.get(next.toString('latin1')) ?? 0) + 1
    attempts.set(next.toString('latin1'), attempt)
    if (attempt > mostAttempts)
      throw new RetryableError(`${shown(folder, next)} is filled while it is removed`)
    const inner = await empty(folder, next, owner)
    const isGone = await rmdir(path).then(
      () => true,
      (error) => error.code !== 'ENOTEMPTY',
    )
    left.push(...(isGone ? [] : [next]), ...inner)
  }
}

/**
 * Removes what is in a folder. The folders in it are moved beside it, as a tree may be deeper than there are descriptors.
 * @returns Their new names.
 */
async function empty(above: Folder, name: Buffer, owner: number): Promise<Buffer[]> {
  const path = pathOf(above.at, name)
  await using folder = await asOwner(path, () => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
  if ((await folder.stat()).uid !== owner)
    throw new TerminalError(`${shown(above, name)} is, or holds, a folder of another user`, {
      hint: 'look who put it there, and remove it',
    })
  const within = `/proc/self/fd/${folder.fd}`
  const moved: Buffer[] = []
  for (const one of await readdir(within, { encoding: 'buffer' })) {
    const inner = pathOf(within, one)
    if (await isFolder(inner)) {
      const beside = Buffer.from(`removing-${randomUUID()}`)
      await orGone(asOwner(inner, () => rename(inner, pathOf(above.at, beside))))
      moved.push(beside)
    } else await orGone(unlink(inner))
  }
  return moved
}

/** Root may do anything; who is not root opens no folder of its own that has no permissions, and moves none. */
async function asOwner<T>(path: Buffer, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES' || process.geteuid?.() === 0) throw error
    await chmod(path, 0o700)
    return await act()
  }
}

async function isFolder(path: Buffer): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function orGone(done: Promise<void>): Promise<void> {
  await done.catch((error) => {
    if (error.code !== 'ENOENT') throw error
  })
}

function pathOf(at: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${at}/`), name])
}

function shown({ path }: Folder, name: Buffer): string {
  return JSON.stringify(join(path, name.toString('latin1')))
}
