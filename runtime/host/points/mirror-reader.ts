import {
  type BigIntStats,
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
} from 'node:fs'
import { Readable } from 'node:stream'
import { TerminalError } from '../../errors.ts'
import type { CommandRunner } from '../command/command.ts'
import { lastLines } from '../command/output.ts'
import type { Entry, EntryType, PointReader } from './entry.ts'
import { extractMirror } from './extract-mirror.ts'
import { nulFields } from './nul-fields.ts'
import { joinPath, nameOf, OpenFolder } from './open-folder.ts'

/** A large mirror on a slow disk takes its time. */
const timeoutMs = 7 * 24 * 3_600_000

/**
 * Reads a mirror, or any other folder, on its own file system; links in it are not followed.
 * @param root Its folder.
 */
export function mirrorReader(root: string, runner: CommandRunner): PointReader {
  return {
    entries: (under = Buffer.alloc(0), depth) => entriesOf(root, under, depth, runner),
    isIndexed: async () => true,
    extract: (paths, into, options) => extractMirror(root, paths, into, options, runner),
    read: (path) => readFile(root, path),
  }
}

async function* entriesOf(
  root: string,
  under: Buffer,
  depth: number | undefined,
  runner: CommandRunner,
): AsyncGenerator<Entry> {
  using top = OpenFolder.at(root)
  if (under.length > 0) {
    const entry = entryAt(top, under)
    if (entry && entry.type !== 'directory') yield entry
    if (entry?.type !== 'directory') return
  }
  using start = top.descend(under)
  const stop = new AbortController()
  const level = depth === undefined ? [] : ['-maxdepth', String(depth)]
  const argv = ['find', `${start.forCommands}/`, '-xdev', ...level, '-printf', format] as const
  const find = await runner.open({ argv, timeoutMs, accept: [0, 1], signal: stop.signal })
  find.input.end()
  try {
    const firstNames = new Map<string, Buffer>()
    for await (const fields of nulFields(find.output, fieldsPerEntry)) {
      const entry = entryOf(fields, under)
      const inode = fields[6]?.toString('latin1') ?? ''
      if (entry.type === 'file' && !inode.startsWith('1 ')) {
        const first = firstNames.get(inode)
        if (first) entry.hardLinkTo = first
        else firstNames.set(inode, entry.path)
      }
      yield entry
    }
    const { exitCode, stderr } = await find.result
    if (exitCode !== 0) throw new TerminalError(`${root} cannot be read whole: ${lastLines(stderr, 1)}`)
  } finally {
    stop.abort(new TerminalError('nobody reads what find(1) writes any more'))
    await find.result.catch(() => {})
  }
}

/** Each ended by a NUL; the seventh is how many names the inode has, and its number; `%b` are blocks of 512 bytes. @see find(1), -printf */
const directives = ['%y', '%s', '%T@', '%m', '%U', '%G', '%n %i', '%b', '%P', '%l']
const format = directives.map((directive) => `${directive}\\0`).join('')
const fieldsPerEntry = directives.length

/** Of st_blocks. @see stat(3type) */
const blockBytes = 512

const types: Readonly<Record<string, EntryType>> = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  p: 'fifo',
  s: 'socket',
  b: 'block-device',
  c: 'character-device',
}

function entryOf(fields: readonly Buffer[], under: Buffer): Entry {
  const [type, size, time, mode, uid, gid, , blocks] = fields.map((field) => field.toString('latin1'))
  const [below = Buffer.alloc(0), link = Buffer.alloc(0)] = fields.slice(8)
  const kind = types[type ?? '']
  if (!kind) throw new TerminalError(`find(1) tells of an entry of the unknown type ${type}`)
  return {
    path: joinPath(under, below),
    type: kind,
    sizeBytes: kind === 'file' ? Number(size) : 0,
    ...(kind === 'file' && { allocatedBytes: Number(blocks) * blockBytes }),
    mtimeNs: nanoseconds(time ?? ''),
    mode: Number.parseInt(mode ?? '', 8),
    uid: Number(uid),
    gid: Number(gid),
    // The buffers are parts of what was read at once: copies keep no more of it than they need.
    ...(kind === 'symlink' && { linkTo: Buffer.from(link) }),
  }
}

/** Reads `1732873829.1234567890`, seconds since the epoch: before it, the seconds are negative and the fraction is not. */
export function nanoseconds(text: string): bigint {
  const [seconds = '0', fraction = ''] = text.split('.')
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
}

/** What is at a path, itself; undefined where nothing is. @throws {TerminalError} A link or a file is on the way. */
export function entryAt(top: OpenFolder, path: Buffer): Entry | undefined {
  let folder: OpenFolder
  try {
    folder = top.parentOf(path)
  } catch (error) {
    if ((error as Error).message.endsWith('does not exist')) return undefined
    throw error
  }
  using parent = folder
  const named = parent.at(nameOf(path))
  const stats = lstatSync(named, { bigint: true, throwIfNoEntry: false })
  return stats && entryOfStats(path, stats, named)
}

export function entryOfStats(path: Buffer, stats: BigIntStats, named: Buffer): Entry {
  const type = typeOf(stats)
  return {
    path,
    type,
    sizeBytes: type === 'file' ? Number(stats.size) : 0,
    ...(type === 'file' && { allocatedBytes: Number(stats.blocks) * blockBytes }),
    mtimeNs: stats.mtimeNs,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    ...(type === 'symlink' && { linkTo: readlinkSync(named, { encoding: 'buffer' }) }),
  }
}

function typeOf(stats: BigIntStats): EntryType {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isFIFO()) return 'fifo'
  if (stats.isSocket()) return 'socket'
  return stats.isBlockDevice() ? 'block-device' : 'character-device'
}

function readFile(root: string, path: Buffer): Readable {
  try {
    using top = OpenFolder.at(root)
    using parent = top.parentOf(path)
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const fd = openSync(parent.at(nameOf(path)), flags)
    if (fstatSync(fd).isFile()) return createReadStream('', { fd })
    closeSync(fd)
    throw new TerminalError(`${path} is no regular file`)
  } catch (error) {
    return new Readable({ read() {} }).destroy(unreadable(path, error as NodeJS.ErrnoException))
  }
}

function unreadable(path: Buffer, error: NodeJS.ErrnoException): Error {
  if (error instanceof TerminalError) return error
  const options = { cause: error }
  if (error.code === 'ELOOP') return new TerminalError(`${path} is a symbolic link`, options)
  if (error.code === 'ENOENT') return new TerminalError(`${path} is not there`, options)
  return new TerminalError(`${path} cannot be read: ${error.code}`, options)
}
