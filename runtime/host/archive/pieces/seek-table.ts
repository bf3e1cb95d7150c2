import type { FileHandle } from 'node:fs/promises'
import { footerBytes, footerMagic, readAt } from './archive-tail.ts'

/** A frame of an archive. */
export interface Frame {
  offset: number
  /** What it holds, once it is decompressed. */
  contentBytes: number
}

const entryBytes = 8
/** More are not believed. */
const mostFrames = 2 ** 27

/**
 * Reads the seek table at the end of an archive.
 * @returns undefined where there is none.
 * @see https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md
 */
export async function readSeekTable(file: FileHandle): Promise<Frame[] | undefined> {
  const table = await readTable(file)
  if (!table) return undefined
  const frames: Frame[] = []
  for (let at = 0, offset = 0; at < table.length; at += entryBytes) {
    frames.push({ offset, contentBytes: table.readUInt32LE(at + 4) })
    offset += table.readUInt32LE(at)
  }
  return frames
}

/** How long the frames of an archive are, from its beginning on; undefined where it has no seek table. */
export async function frameLengths(file: FileHandle): Promise<Iterable<number> | undefined> {
  const table = await readTable(file)
  return table && lengthsIn(table)
}

function* lengthsIn(table: Buffer): Generator<number> {
  for (let at = 0; at < table.length; at += entryBytes) yield table.readUInt32LE(at)
}

async function readTable(file: FileHandle): Promise<Buffer | undefined> {
  const { size } = await file.stat()
  const footer = await readAt(file, size - footerBytes, footerBytes)
  // A checksum for each frame, which ours have not, would be four bytes more.
  if (footer?.readUInt32LE(footerBytes - 4) !== footerMagic || footer[4] !== 0) return undefined
  const count = footer.readUInt32LE()
  return count <= mostFrames
    ? await readAt(file, size - footerBytes - count * entryBytes, count * entryBytes)
    : undefined
}
