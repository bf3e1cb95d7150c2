import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, lstat, open, rm, statfs } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Target } from '../../config/config.ts'
import { TerminalError } from '../../errors.ts'
import type { Progress } from '../../progress.ts'
import { formatBytes } from '../../units.ts'
import { archiveFile } from '../archive/archive-file.ts'
import { meter } from '../archive/meter.ts'
import { keptFolder, Shelf } from '../archive/shelf.ts'
import { partName } from './parts.ts'

/** An archive to be copied, and where to. */
export interface Sending {
  from: Target
  path: string
  /** Which file stands there; see `archiveFile`. */
  file: string
  sizeBytes: number
  sha256: string
  to: Target
  /** Where the copy will stand, in a folder of a night. */
  copy: string
}

const chunkBytes = 4 * 1024 ** 2
/** What is written is brought onto the disk in steps: a slow disk is not left with minutes of it, and a cut loses little. */
const syncBytes = 64 * 1024 ** 2
/** What a file system takes beside the bytes of a file. */
const spareBytes = 16 * 1024 ** 2

const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants

/**
 * Writes an archive beside the place of its copy, under a name that tells which one it is: what was cut off goes on where it
 * was. Its time is that of the archive.
 * @returns The SHA-256 of what was read; null where a part of it had been read before.
 * @throws {TerminalError} The disk has no room, or the archive is another one by now.
 */
export async function sendArchive(
  sending: Sending,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (progress: Progress) => void },
): Promise<string | null> {
  const { from, to, path, copy, sizeBytes, sha256 } = sending
  using source = new Shelf(from)
  using shelf = new Shelf(to)
  shelf.make(shelf.folderOf(copy))
  const part = shelf.at(partName(copy, sha256))
  await using input = await open(source.at(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  const found = await proveSame(sending, source)
  await removeSecondName(part)
  await using output = await open(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  const begun = await output.stat()
  if (!begun.isFile()) throw new TerminalError(`${partName(copy, sha256)} is no file`)
  // After a power cut the end may hold anything: it is read back whole in any case.
  const position = begun.size <= sizeBytes ? begun.size - (begun.size % syncBytes) : 0
  await output.truncate(position)
  await proveRoom(to, sizeBytes - position, copy)
  const read = await copyBytes(input, output, { position, sizeBytes, signal, onProgress })
  await proveSame(sending, source)
  // Seconds as a fraction may fall short of the millisecond that is meant.
  const seconds = (found.writtenMs + 0.01) / 1000
  await output.utimes(seconds, seconds)
  await output.sync()
  return read
}

/**
 * Gives a copy that is proven a second name beside the place of another one, where both are of the same bytes.
 * @returns Whether that could be done: not where the file system has no hard links.
 */
export async function linkCopy(to: Target, standing: string, copy: string, sha256: string): Promise<boolean> {
  using shelf = new Shelf(to)
  shelf.make(shelf.folderOf(copy))
  const part = shelf.at(partName(copy, sha256))
  await rm(part, { force: true })
  // Waited for here: the names hold as long as the shelf is open.
  return await link(shelf.at(standing), part).then(
    () => true,
    () => false,
  )
}

/** Where the copy of an archive of a night stands. @param night As `2026-11-22`. */
export function copyPath(to: Target, night: string, path: string): string {
  return `${to.path}/${keptFolder}/${night}/${basename(path)}`
}

/** What lies there may be a further name of a good copy, after a cut: that is never written to. */
async function removeSecondName(part: string): Promise<void> {
  const found = await lstat(part).catch(() => undefined)
  if (found?.isFile() && found.nlink > 1) await rm(part, { force: true })
}

async function proveSame({ path, file }: Sending, shelf: Shelf) {
  const found = await archiveFile(shelf.at(path))
  if (found?.file === file) return found
  throw new TerminalError(`${path} is another archive by now`)
}

async function proveRoom({ path, name }: Target, wanted: number, copy: string): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  const free = bavail * bsize
  if (free >= wanted + spareBytes) return
  throw new TerminalError(
    `target ${name} is full: ${copy} takes ${formatBytes(wanted)}, ${formatBytes(free)} are free`,
    {
      hint: 'nothing was removed for it; let `keep` of the copy say what stays there, or take a larger disk',
    },
  )
}

async function copyBytes(
  input: FileHandle,
  output: FileHandle,
  {
    position: begun,
    sizeBytes,
    signal,
    onProgress,
  }: {
    position: number
    sizeBytes: number
    signal: AbortSignal
    onProgress: (progress: Progress) => void
  },
): Promise<string | null> {
  const buffer = Buffer.allocUnsafe(chunkBytes)
  const hash = begun === 0 ? createHash('sha256') : undefined
  const passed = meter(sizeBytes - begun, onProgress)
  for (let position = begun, unsynced = 0; position < sizeBytes; ) {
    signal.throwIfAborted()
    const { bytesRead } = await input.read(buffer, 0, Math.min(buffer.length, sizeBytes - position), position)
    if (bytesRead === 0) throw new TerminalError(`the archive ends after ${position} of ${sizeBytes} bytes`)
    const chunk = buffer.subarray(0, bytesRead)
    hash?.update(chunk)
    for (let at = 0; at < bytesRead; )
      at += (await output.write(chunk, at, bytesRead - at, position + at)).bytesWritten
    position += bytesRead
    unsynced += bytesRead
    if (unsynced >= syncBytes) {
      await output.datasync()
      unsynced = 0
    }
    passed(chunk)
  }
  return hash ? hash.digest('hex') : null
}
