import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { tagBytes } from './segment-tag.ts'

// What stands behind the tar in an archive of zstd: two skippable frames, which every zstd passes over.
//
//   0x184D2A5D  what segments the archive consists of, in their order:
//               "hdsync 1", id (16 bytes), written (ms since the epoch, 8), segments (4),
//               and compressed by zstd: all tags (8 each), all lengths in the archive (6 each)
//   0x184D2A5E  the seek table of zstd's seekable format: for each frame its length and that of what it holds
//               (4 each), then frames (4), 0 (1), 0x8F92EAB1; the frame above is the last one in it, and holds nothing.
//
// Numbers are little-endian.
// See https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md

const segmentsMagic = 0x184d2a5d
const seekTableMagic = 0x184d2a5e
/** With it a seek table ends. */
export const footerMagic = 0x8f92eab1
/** What stands behind the entries of a seek table. */
export const footerBytes = 9
const frameHeaderBytes = 8
const name = Buffer.from('hdsync 1')
const idBytes = 16
const headerBytes = name.length + idBytes + 8 + 4
const lengthBytes = 6
/** More are not believed. */
const mostSegments = 2 ** 27

/** Where a segment lies in an archive. */
export interface SegmentPlace {
  /** See `segmentTag`. */
  tag: bigint
  offset: number
  length: number
}

/** What can be told of an archive by a look at its end. */
export interface TailHeader {
  /** The same for archives that consist of the same segments; in hexadecimal digits. */
  id: string
  /** When its mirror was read, in milliseconds since the epoch. */
  writtenAt: number
  segments: number
}

/** Collects what the tail of an archive is to tell while the archive is written. */
export class TailBuilder {
  #tags = Buffer.alloc(1024 * tagBytes)
  #lengths = Buffer.alloc(1024 * lengthBytes)
  #count = 0

  /** @param tag See `segmentTag`. */
  add(tag: Buffer, length: number): void {
    if (this.#count * tagBytes === this.#tags.length) {
      this.#tags = Buffer.concat([this.#tags, Buffer.alloc(this.#tags.length)])
      this.#lengths = Buffer.concat([this.#lengths, Buffer.alloc(this.#lengths.length)])
    }
    this.#tags.set(tag, this.#count * tagBytes)
    this.#lengths.writeUIntLE(length, this.#count * lengthBytes, lengthBytes)
    this.#count += 1
  }

  /** What a reader of the tail would find. @param writtenAt Milliseconds since the epoch. */
  tail(writtenAt: number): ArchiveTail {
    const tags = this.#tags.subarray(0, this.#count * tagBytes)
    const lengths = this.#lengths.subarray(0, this.#count * lengthBytes)
    const tables = Buffer.concat([tags, lengths])
    const header = { id: idOf(tables), writtenAt: Math.round(writtenAt), segments: this.#count }
    return new ArchiveTail(header, tables)
  }
}

/** The segments of an archive, as its tail tells them. */
export class ArchiveTail {
  readonly header: TailHeader
  readonly #tables: Buffer

  /** @param tables All tags, then all lengths. */
  constructor(header: TailHeader, tables: Buffer) {
    this.header = header
    this.#tables = tables
  }

  /** @returns undefined where there is no such tail, or where it is damaged. */
  static async read(file: FileHandle): Promise<ArchiveTail | undefined> {
    const found = await findTail(file)
    if (!found) return undefined
    const { header, offset, length } = found
    const packed = await readAt(file, offset + headerBytes, length - headerBytes)
    const tables = packed && unpack(packed, header.segments * (tagBytes + lengthBytes))
    return tables && idOf(tables) === header.id ? new ArchiveTail(header, tables) : undefined
  }

  get count(): number {
    return this.header.segments
  }

  tag(n: number): bigint {
    return this.#tables.readBigInt64LE(n * tagBytes)
  }

  length(n: number): number {
    return this.#tables.readUIntLE(this.count * tagBytes + n * lengthBytes, lengthBytes)
  }

  /** Each segment, in its order. */
  *places(): Generator<SegmentPlace> {
    for (let n = 0, offset = 0; n < this.count; n += 1) {
      const length = this.length(n)
      yield { tag: this.tag(n), offset, length }
      offset += length
    }
  }

  /** What is to be written. @param frames All frames before it, as `ZstdFrames` has measured them. */
  bytes(frames: { count: number; sizes: Buffer }): Buffer {
    const header = Buffer.alloc(headerBytes)
    header.set(name)
    header.write(this.header.id, name.length, 'hex')
    header.writeBigUInt64LE(BigInt(this.header.writtenAt), name.length + idBytes)
    header.writeUInt32LE(this.count, headerBytes - 4)
    const segments = skippable(segmentsMagic, [header, zstdCompressSync(this.#tables)])
    const last = Buffer.alloc(8)
    last.writeUInt32LE(segments.length)
    const footer = Buffer.alloc(footerBytes)
    footer.writeUInt32LE(frames.count + 1)
    footer.writeUInt32LE(footerMagic, footerBytes - 4)
    const seekTable = skippable(seekTableMagic, [frames.sizes, last, footer])
    return Buffer.concat([segments, seekTable])
  }
}

function skippable(magic: number, parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const header = Buffer.alloc(frameHeaderBytes)
  header.writeUInt32LE(magic)
  header.writeUInt32LE(content.length, 4)
  return Buffer.concat([header, content])
}

/** Looks at the end of an archive. @returns undefined where no such tail stands there. */
export async function readTailHeader(file: FileHandle): Promise<TailHeader | undefined> {
  return (await findTail(file))?.header
}

function idOf(tables: Buffer): string {
  return createHash('sha256')
    .update(tables)
    .digest('hex')
    .slice(0, 2 * idBytes)
}

function unpack(packed: Buffer, bytes: number): Buffer | undefined {
  try {
    const unpacked = zstdDecompressSync(packed, { maxOutputLength: Math.max(bytes, 1) })
    return unpacked.length === bytes ? unpacked : undefined
  } catch {
    return undefined
  }
}

/** Where the content of the frame that tells the segments lies, and what it begins with. */
async function findTail(
  file: FileHandle,
): Promise<{ header: TailHeader; offset: number; length: number } | undefined> {
  const { size } = await file.stat()
  const end = await readAt(file, size - footerBytes - 8, footerBytes + 8)
  if (end?.readUInt32LE(8 + footerBytes - 4) !== footerMagic) return undefined
  const frameBytes = end.readUInt32LE(0)
  // A checksum for each frame, which ours have not, would be four bytes more.
  const tableBytes = frameHeaderBytes + end.readUInt32LE(8) * 8 + footerBytes
  const at = size - tableBytes - frameBytes
  const bytes = await readAt(file, at, frameHeaderBytes + headerBytes)
  if (bytes?.readUInt32LE(0) !== segmentsMagic || bytes.readUInt32LE(4) !== frameBytes - frameHeaderBytes)
    return undefined
  const header = bytes.subarray(frameHeaderBytes)
  if (!header.subarray(0, name.length).equals(name)) return undefined
  const segments = header.readUInt32LE(headerBytes - 4)
  if (segments > mostSegments) return undefined
  return {
    header: {
      id: header.toString('hex', name.length, name.length + idBytes),
      writtenAt: Number(header.readBigUInt64LE(name.length + idBytes)),
      segments,
    },
    offset: at + frameHeaderBytes,
    length: frameBytes - frameHeaderBytes,
  }
}

/** Reads a part of a file. @returns undefined where the file does not have all of it. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer | undefined> {
  const { size } = await file.stat()
  if (offset < 0 || length < 0 || offset + length > size) return undefined
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, offset + at)
    if (bytesRead === 0) return undefined
    at += bytesRead
  }
  return bytes
}
