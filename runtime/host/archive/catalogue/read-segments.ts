import type { FileHandle } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { CommandRunner } from '../../command/command.ts'
import type { Compression } from '../archive-compression.ts'
import { type Member, type SegmentPlace, TarSplitter } from '../pieces/pieces.ts'

const timeoutMs = 7 * 24 * 3_600_000
/** Larger segments, each of which is one large file, are decompressed by another process. */
const mostBytesAtOnce = 16 * 1024 ** 2
const chunkBytes = 1024 ** 2

/** A part of an archive that begins and ends with a segment. */
export type Range = Pick<SegmentPlace, 'offset' | 'length'>

/** Decompresses parts of an archive, one after the other. @throws {Error} One of them is damaged. */
export async function* unpacked(
  file: FileHandle,
  ranges: readonly Range[],
  compression: Compression,
  runner: CommandRunner,
): AsyncGenerator<Buffer> {
  const bytes = ranges.reduce((sum, { length }) => sum + length, 0)
  if (compression === 'none') yield* chunksOf(file, ranges)
  else if (bytes > mostBytesAtOnce) yield* unpackedBy(file, ranges, compression, runner)
  else {
    for (const range of ranges) {
      const packed: Buffer[] = []
      for await (const chunk of chunksOf(file, [range])) packed.push(Buffer.from(chunk))
      const all = Buffer.concat(packed)
      yield compression === 'zstd' ? zstdDecompressSync(all) : gunzipSync(all)
    }
  }
}

async function* unpackedBy(
  file: FileHandle,
  ranges: readonly Range[],
  compression: 'zstd' | 'gzip',
  runner: CommandRunner,
): AsyncGenerator<Buffer> {
  const stop = new AbortController()
  const program = await runner.open({ argv: [compression, '-dc'], timeoutMs, signal: stop.signal })
  program.input.on('error', () => {})
  const feeding = feed(chunksOf(file, ranges), program.input)
  feeding.catch((error) => program.output.destroy(error))
  try {
    for await (const chunk of program.output) yield chunk as Buffer
    await feeding
    await program.result
  } finally {
    stop.abort(new Error('nobody reads on'))
    await program.result.catch(() => {})
    await feeding.catch(() => {})
  }
}

/** Writes chunks to the input of a program, as long as it reads. Each chunk may be used again when the next one is asked for. */
export async function feed(chunks: AsyncIterable<Buffer>, input: Writable): Promise<void> {
  for await (const chunk of chunks) {
    const isTaken = await new Promise((resolve) => input.write(chunk, (error) => resolve(!error)))
    if (!isTaken) return
  }
  input.end()
}

/** Each chunk is good until the next one is asked for. */
async function* chunksOf(file: FileHandle, ranges: readonly Range[]): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(Math.min(chunkBytes, Math.max(0, ...ranges.map(({ length }) => length))))
  for (const { offset, length } of ranges) {
    for (let at = 0; at < length; ) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - at), offset + at)
      if (bytesRead === 0) throw new Error('the archive has lost its end')
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }
}

/** What is in a segment. @throws {Error} It is damaged. */
export async function membersAt(
  file: FileHandle,
  place: SegmentPlace,
  compression: Compression,
  runner: CommandRunner,
): Promise<Member[]> {
  const members: Member[] = []
  const splitter = new TarSplitter({ member: (member) => member && members.push(member) })
  for await (const chunk of unpacked(file, [place], compression, runner)) splitter.add(chunk)
  if (!splitter.isBetween) throw new Error('a segment of the archive is not whole')
  return members
}

/** What is in an archive of any age, which is read whole. @throws {Error} It is damaged. */
export async function* allMembers(
  file: FileHandle,
  compression: Compression,
  runner: CommandRunner,
): AsyncGenerator<Member> {
  const { size } = await file.stat()
  let members: Member[] = []
  const splitter = new TarSplitter({ member: (member) => member && members.push(member) })
  const whole = [{ offset: 0, length: size }]
  const chunks = compression === 'none' ? chunksOf(file, whole) : unpackedBy(file, whole, compression, runner)
  for await (const chunk of chunks) {
    splitter.add(chunk)
    yield* members
    members = []
    if (splitter.ended) return
  }
  throw new Error('the archive has lost its end')
}
