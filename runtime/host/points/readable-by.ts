import { Readable } from 'node:stream'
import { TerminalError } from '../../errors.ts'
import type { Entry, PointReader } from './entry.ts'
import { parentOf } from './open-folder.ts'

/** What of a restore point a user could read at the time. */
export interface ReadableEntries extends Pick<PointReader, 'entries' | 'read'> {}

/**
 * Shows of a restore point what a user could read at the time, by the modes and owners that it has recorded: files that they
 * could read, folders that they could list and enter, links, and nothing in folders that they could not. What only a group
 * may read is left out: nobody tells from an archive whether an ACL took that from them. Nor whether one took from a single user
 * what the mode gives everybody: that is shown.
 * @param reader One that tells of a part without reading all.
 * @param uid Not root's.
 */
export function readableBy(uid: number, reader: PointReader): ReadableEntries {
  const known = new Map<string, boolean>()

  /** Whether a folder and all above it are open to the user. */
  async function isOpen(folder: string): Promise<boolean> {
    const before = known.get(folder)
    if (before !== undefined) return before
    let open = folder === '' || (await isOpen(parentOf(folder)))
    if (open) open = await isOpenItself(folder)
    known.set(folder, open)
    return open
  }

  async function isOpenItself(folder: string): Promise<boolean> {
    for await (const entry of reader.entries(Buffer.from(folder, 'latin1'), 0))
      return entry.type === 'directory' && may(entry, uid, listAndEnter)
    return false
  }

  async function* entries(under: Buffer = Buffer.alloc(0), depth?: number): AsyncGenerator<Entry> {
    if (under.length > 0 && !(await isOpen(parentOf(under.toString('latin1'))))) return
    for await (const entry of reader.entries(under, depth)) {
      const name = entry.path.toString('latin1')
      const isTop = entry.path.length === under.length
      if (!isTop && known.get(parentOf(name)) !== true) continue
      if (entry.type === 'directory') known.set(name, may(entry, uid, listAndEnter))
      if (!isShown(entry, uid)) continue
      // Its contents are kept under its first name.
      if (entry.hardLinkTo && !(await isOpen(parentOf(entry.hardLinkTo.toString('latin1'))))) continue
      yield entry
    }
  }

  async function* contents(path: Buffer): AsyncGenerator<Buffer> {
    for await (const { type } of entries(path, 0)) {
      if (type !== 'file') break
      yield* reader.read(path)
      return
    }
    throw new TerminalError(`there is no file ${path} that you could read`)
  }

  return { entries, read: (path) => Readable.from(contents(path), { objectMode: false }) }
}

const toRead = 0o4
const listAndEnter = 0o5

function isShown(entry: Entry, uid: number): boolean {
  if (entry.type === 'file') return may(entry, uid, toRead)
  if (entry.type === 'directory') return may(entry, uid, listAndEnter)
  return entry.type === 'symlink'
}

/**
 * Whether the mode of an entry lets a user do something, whatever groups they are in: others may only what its group may as
 * well, as a member of the group is held to the group's bits.
 */
export function may({ uid, mode }: Pick<Entry, 'uid' | 'mode'>, user: number, bits: number): boolean {
  if (uid === user) return ((mode >> 6) & bits) === bits
  return ((mode >> 3) & mode & bits) === bits
}
