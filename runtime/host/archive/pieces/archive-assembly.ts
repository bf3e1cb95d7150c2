import { createHash, hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { TerminalError } from '../../../errors.ts'
import type { Command, CommandRunner } from '../../command/command.ts'
import { type Packing, pack } from '../archive-compression.ts'
import type { OnDisk } from '../on-disk.ts'
import { type ArchiveIndex, digestOf, type IndexBuilder } from './archive-index.ts'
import type { Packers } from './archive-packers.ts'
import type { Segment } from './archive-segments.ts'
import { type ArchiveTail, TailBuilder } from './archive-tail.ts'
import { TarFeed } from './archive-tar.ts'
import { noTag, segmentTag } from './segment-tag.ts'
import type { Member } from './tar-member.ts'
import { ZstdFrames } from './zstd-frames.ts'

/** What an archive is put together of. */
export interface Assembly {
  /** How this process names an archive. */
  at: (path: string) => string
  /** The mirror, cut into segments. */
  segments: (signal: AbortSignal) => AsyncIterable<Segment>
  /** An archive from which the segments are taken that have not changed since. */
  earlier: ArchiveIndex | undefined
  /** tar(1), which packs the paths that it reads from its standard input. */
  tar: Command
  packing: Packing
  packers: Packers
  runner: CommandRunner
  signal: AbortSignal
  /** Told how much of the archive is on the disk. */
  onDisk: OnDisk
  /** Told what the archive consists of, each segment before its end is written. */
  index: IndexBuilder
  /** Told of each addition to the archive. */
  onWritten: (chunk: Uint8Array) => void
  /** Told what is in it. */
  contents: Contents
  /** When the mirror is read, in milliseconds since the epoch. */
  writtenAt: number
}

/** Takes note of what an archive consists of while it is written. May not throw: no archive needs it. */
export interface Contents {
  /**
   * Has been packed anew.
   * @param tag See `segmentTag`.
   */
  fresh(tag: bigint, members: readonly Member[]): void
  /** Has been taken. @param n Its number in the earlier archive. */
  taken(n: number): void
}

export interface Assembled {
  sizeBytes: number
  /** Where its segments lie. */
  tail: ArchiveTail
  /** How many of these have been taken from the earlier archive. */
  takenBytes: number
}

/** An archive from which segments were to be taken cannot be read, or is not what it was when it was written. */
export class DamagedArchiveError extends Error {}

/** Segments of the earlier archive that stand there one after the other. */
interface Run {
  from: number
  to: number
}

/** A segment that tar packs anew: the next one that it was told to. */
interface Fresh {
  key: Buffer | undefined
}

type Part = Run | Fresh

/** Read from an earlier archive at once, and written at once. */
const blockBytes = 2 * 1024 ** 2
/** So much, or a quarter of what is there, is brought onto the disk at once while more is put together. */
const flushBytes = 32 * 1024 ** 2
/** So much more is read back before it is whole: each time, what the page cache has of it is dropped by a command. */
const readBackBytes = 4 * flushBytes
/** Nothing may be in its place, be it a link. @see open(2) */
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/** Two empty blocks are the end of an archive. @see tar(5) */
const trailer = new Uint8Array(1024)

/**
 * Writes a new file that is the archive of a mirror: what has changed is packed by tar, everything else is taken from
 * an earlier archive as it stands there. Whether that is what it was when it was written is seen when the new one is
 * read back, as the index says what it was. The file is on the disk when this ends.
 * @throws {DamagedArchiveError} It cannot be read any more.
 * @throws {TerminalError} The file cannot be written.
 * @throws {CommandError} Something in the mirror cannot be read.
 */
export async function assemble(path: string, assembly: Assembly): Promise<Assembled> {
  const broken = new AbortController()
  const signal = AbortSignal.any([assembly.signal, broken.signal])
  const tar = new TarFeed({ ...assembly, tar: { ...assembly.tar, signal }, signal })
  const parts = new Readable({ objectMode: true, read() {} })
  parts.on('error', () => {})
  const out = await ArchiveFile.create(path, assembly)
  try {
    const jobs = [divide(parts, tar, assembly, signal), join(parts, tar, out, assembly)]
    for (const job of jobs) {
      job.catch((error) => {
        broken.abort(error)
        parts.destroy(error)
      })
    }
    await Promise.allSettled(jobs)
    assembly.signal.throwIfAborted()
    // The first that failed has stopped the other one.
    broken.signal.throwIfAborted()
    return await out.finish()
  } finally {
    await out.close()
  }
}

/** Says what the archive consists of, part by part. */
async function divide(
  parts: Readable,
  tar: TarFeed,
  { segments, earlier }: Assembly,
  signal: AbortSignal,
): Promise<void> {
  let run: Run | undefined
  for await (const segment of segments(signal)) {
    const found = segment.key && earlier?.find(segment.key)
    if (found === undefined) {
      parts.push({ key: segment.key } satisfies Fresh)
      await tar.add(segment)
      run = undefined
    } else if (run?.to === found && parts.readableLength > 0) {
      // Nobody has begun with it.
      run.to += 1
    } else {
      run = { from: found, to: found + 1 }
      parts.push(run)
    }
  }
  await tar.end()
  parts.push(null)
}

/** Writes part by part. */
async function join(
  parts: Readable,
  tar: TarFeed,
  out: ArchiveFile,
  { earlier, packing, at, contents }: Assembly,
): Promise<void> {
  const source = earlier && (await EarlierFile.open(earlier, at))
  try {
    for await (const part of parts as AsyncIterable<Part>) {
      if ('key' in part) await addFresh(part, tar, out, contents)
      else await source?.take(part, out, contents)
    }
    const end = pack(trailer, packing)
    out.segment({ key: undefined, tag: noTag, digest: digestOf(hash('sha256', end, 'buffer')) }, end.length)
    await out.add(end)
    await out.addTail()
  } finally {
    await source?.close()
  }
}

async function addFresh({ key }: Fresh, tar: TarFeed, out: ArchiveFile, contents: Contents): Promise<void> {
  const sha256 = createHash('sha256')
  let length = 0
  for (let isLast = false; !isLast; ) {
    const piece = await tar.next()
    isLast = piece.isLast
    const isWhole = isLast && length === 0
    length += piece.bytes.length
    if (!isWhole) sha256.update(piece.bytes)
    // Before its end is written, as what is on the disk is compared at once.
    if (isLast) {
      const digest = digestOf(isWhole ? piece.sha256 : sha256.digest())
      const tag = segmentTag(key, piece.members)
      out.segment({ key, tag, digest }, length)
      contents.fresh(tag.readBigInt64LE(), piece.members)
    }
    await out.add(piece.bytes)
  }
}

/** An archive that is read again. */
class EarlierFile {
  readonly #file: FileHandle
  readonly #index: ArchiveIndex
  readonly #block = new Uint8Array(blockBytes)
  /** What of the file is in there. */
  #from = 0
  #to = 0

  private constructor(file: FileHandle, index: ArchiveIndex) {
    this.#file = file
    this.#index = index
  }

  /** @throws {DamagedArchiveError} It cannot be read. */
  static async open(index: ArchiveIndex, at: Assembly['at']): Promise<EarlierFile> {
    try {
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
      return new EarlierFile(await open(at(index.header.path), flags), index)
    } catch (error) {
      throw new DamagedArchiveError(`it cannot be read: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Adds segments to a new archive, as many at once as may be. */
  async take({ from, to }: Run, out: ArchiveFile, contents: Contents): Promise<void> {
    for (let first = from; first < to; ) {
      let end = first + 1
      const { offset } = this.#index.entry(first)
      const lengthTo = (n: number) => {
        const last = this.#index.entry(n - 1)
        return last.offset + last.length - offset
      }
      while (end < to && lengthTo(end + 1) <= blockBytes) end += 1
      for (let n = first; n < end; n += 1) {
        const { length, digest } = this.#index.entry(n)
        const key = this.#index.key(n)
        out.segment({ key, tag: segmentTag(key, []), digest }, length)
        contents.taken(n)
      }
      for (let at = 0, length = lengthTo(end); at < length; at += blockBytes) {
        const bytes = await this.#read(offset + at, Math.min(blockBytes, length - at))
        await out.add(bytes, { taken: true })
      }
      first = end
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  /**
   * What is read lies where the next comes to lie. Whatever follows is read along, as most of it is asked for next; but
   * not where the order in a mirror has become another one.
   */
  async #read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.#from || offset + length > this.#to) {
      const isNear = offset >= this.#from && offset <= this.#to + blockBytes
      const toEnd = this.#index.header.sizeBytes - offset
      await this.#fill(offset, Math.max(length, isNear ? Math.min(blockBytes, toEnd) : 0))
    }
    return this.#block.subarray(offset - this.#from, offset - this.#from + length)
  }

  async #fill(offset: number, length: number): Promise<void> {
    this.#from = offset
    this.#to = offset
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.#file
        .read(this.#block, at, length - at, offset + at)
        .catch((error) => {
          throw new DamagedArchiveError(`it cannot be read: ${error.message}`, { cause: error })
        })
      if (bytesRead === 0) throw new DamagedArchiveError('it has lost its end')
      at += bytesRead
      this.#to += bytesRead
    }
  }
}

type Told = Pick<Assembly, 'index' | 'onWritten' | 'onDisk' | 'packing' | 'writtenAt'>

/** The new archive. */
class ArchiveFile {
  readonly #path: string
  readonly #file: FileHandle
  readonly #told: Told
  readonly #tail = new TailBuilder()
  readonly #frames = new ZstdFrames()
  #sizeBytes = 0
  #takenBytes = 0
  /** What is written at once with what comes next. */
  readonly #block = new Uint8Array(blockBytes)
  #blockBytes = 0
  #writtenBytes = 0
  #flushedBytes = 0
  #toldBytes = 0
  #flushing: Promise<void> | undefined
  /** Is told once only: whoever asks again is told that all is well. */
  #lost: unknown

  private constructor(path: string, file: FileHandle, told: Told) {
    this.#path = path
    this.#file = file
    this.#told = told
  }

  static async create(path: string, told: Told & Pick<Assembly, 'at'>): Promise<ArchiveFile> {
    try {
      // The archive holds what only root may read on the live system.
      return new ArchiveFile(path, await open(told.at(path), newFile, 0o600), told)
    } catch (error) {
      throw cannotWrite(path, error)
    }
  }

  /** Notes a segment, before its end is added. */
  segment(named: { key: Buffer | undefined; tag: Buffer; digest: Buffer }, length: number): void {
    this.#told.index.add(named.key, named.digest, length)
    this.#tail.add(named.tag, length)
  }

  /** Adds what tells where its segments lie; gzip knows no place for that. */
  async addTail(): Promise<void> {
    const frames = this.#told.packing.compression === 'zstd' ? this.#frames.end() : undefined
    if (!frames) return
    const bytes = this.#tail.tail(this.#told.writtenAt).bytes(frames)
    this.#told.index.add(undefined, digestOf(hash('sha256', bytes, 'buffer')), bytes.length)
    await this.add(bytes)
  }

  async add(chunk: Uint8Array, { taken = false } = {}): Promise<void> {
    if (this.#told.packing.compression === 'zstd') this.#frames.add(chunk)
    this.#sizeBytes += chunk.length
    if (taken) this.#takenBytes += chunk.length
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + blockBytes - this.#blockBytes)
      this.#block.set(part, this.#blockBytes)
      this.#blockBytes += part.length
      at += part.length
      if (this.#blockBytes === blockBytes) {
        await this.#write()
        this.#writtenBytes += blockBytes
        this.#flush(this.#writtenBytes)
      }
    }
    this.#told.onWritten(chunk)
  }

  /** Brings it onto the disk. */
  async finish(): Promise<Assembled> {
    await this.#write()
    await this.#flushing
    await this.#file.sync().catch((error) => {
      this.#lost ??= error
    })
    if (this.#lost) throw cannotWrite(this.#path, this.#lost)
    this.#told.onDisk.advance(this.#sizeBytes, true)
    return {
      sizeBytes: this.#sizeBytes,
      takenBytes: this.#takenBytes,
      tail: this.#tail.tail(this.#told.writtenAt),
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #write(): Promise<void> {
    try {
      for (let at = 0; at < this.#blockBytes; ) {
        const { bytesWritten } = await this.#file.write(this.#block, at, this.#blockBytes - at)
        at += bytesWritten
      }
      this.#blockBytes = 0
    } catch (error) {
      throw cannotWrite(this.#path, error)
    }
    if (this.#lost) throw cannotWrite(this.#path, this.#lost)
  }

  /** Begins to bring what has been written onto the disk, if that is worth it and not being done. */
  #flush(bytes: number): void {
    if (this.#flushing || bytes - this.#flushedBytes < Math.max(flushBytes, this.#flushedBytes / 4)) return
    this.#flushing = this.#file
      .datasync()
      .then(
        () => {
          if (bytes - this.#toldBytes < Math.max(readBackBytes, this.#toldBytes / 4)) return
          this.#toldBytes = bytes
          this.#told.onDisk.advance(bytes)
        },
        (error) => {
          this.#lost = error
        },
      )
      .finally(() => {
        this.#flushedBytes = bytes
        this.#flushing = undefined
      })
  }
}

function cannotWrite(path: string, error: unknown): TerminalError {
  return new TerminalError(`cannot write ${path}: ${(error as Error).message}`, { cause: error })
}
