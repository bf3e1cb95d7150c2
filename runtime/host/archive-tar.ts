import { once } from 'node:events'
import { Readable } from 'node:stream'
import { TerminalError } from '../errors.ts'
import { type Packed, type Packers, pieceBytes } from './archive-packers.ts'
import type { Segment } from './archive-segments.ts'
import type { Command, CommandRunner, OpenCommand } from './command.ts'
import { TarSplitter } from './tar-splitter.ts'

/** A segment as tar packs it anew, in pieces that are compressed by themselves. */
export interface FreshSegment {
  key: Buffer | undefined
  pieces: AsyncIterable<Piece>
}

export interface Piece {
  packed: Promise<Packed>
  /** What it takes in memory until it is written. */
  bytes: number
}

/** How much may wait to be compressed or written. */
const waitingBytes = 32 * 1024 ** 2

interface Growing {
  key: Buffer | undefined
  /** Members that have not come yet. */
  membersLeft: number
  chunks: Buffer[]
  bytes: number
  pieces: Readable
}

export interface TarFeedOptions {
  /** tar(1), which packs the paths that it reads from its standard input. */
  tar: Command
  packers: Packers
  runner: CommandRunner
}

/**
 * One tar for all segments that are packed anew, so that it knows which names are of one file; its output is cut into
 * segments again, and compressed. It is begun with the first of them.
 */
export class TarFeed {
  readonly #options: TarFeedOptions
  readonly #growing: Growing[] = []
  #tar: Promise<OpenCommand> | undefined
  #reading: Promise<void> | undefined
  #waitingBytes = 0
  #madeRoom = () => {}

  constructor(options: TarFeedOptions) {
    this.#options = options
  }

  /** Has a segment packed, after those that were added before. */
  async add({ key, entries, paths }: Segment): Promise<FreshSegment> {
    const pieces = new Readable({ objectMode: true, read() {} })
    // Whoever reads them is told; nobody may be reading yet.
    pieces.on('error', () => {})
    this.#growing.push({ key, membersLeft: entries, chunks: [], bytes: 0, pieces })
    this.#tar ??= this.#open()
    const { input } = await this.#tar
    if (!input.write(paths)) await Promise.race([once(input, 'drain'), this.#reading])
    return { key, pieces }
  }

  /** Waits until all is packed. @throws {CommandError} tar could not read something. */
  async end(): Promise<void> {
    const tar = await this.#tar
    tar?.input.end()
    await this.#reading
  }

  /** Has to be told when a piece was written. */
  release({ bytes }: Piece): void {
    this.#waitingBytes -= bytes
    this.#madeRoom()
  }

  async #open(): Promise<OpenCommand> {
    const tar = await this.#options.runner.open(this.#options.tar)
    // When it ends early, its exit code says why.
    tar.input.on('error', () => {})
    this.#reading = this.#read(tar)
    this.#reading.catch((error) => {
      for (const { pieces } of this.#growing) pieces.destroy(error)
    })
    return tar
  }

  async #read(tar: OpenCommand): Promise<void> {
    const splitter = new TarSplitter({
      bytes: (chunk) => this.#grow(chunk),
      member: () => this.#endMember(),
    })
    for await (const chunk of tar.output) {
      splitter.add(chunk)
      while (this.#waitingBytes > waitingBytes) await this.#room(tar)
    }
    await tar.result
    // It leaves out what it does not know how to pack, and says so in a warning only.
    if (this.#growing.length > 0) throw new TerminalError('tar has packed less than it was told to')
  }

  /** Until something is written, or all is given up. */
  async #room(tar: OpenCommand): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#madeRoom = resolve
    // Once it has ended well, only what is written makes room.
    await Promise.race([promise, tar.result.then(() => promise)])
  }

  #grow(chunk: Buffer): void {
    const [first] = this.#growing
    if (!first) throw new TerminalError('tar has packed more than it was told to')
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + pieceBytes - first.bytes)
      first.chunks.push(part)
      first.bytes += part.length
      at += part.length
      if (first.bytes === pieceBytes) this.#cut(first)
    }
  }

  #endMember(): void {
    const [first] = this.#growing
    if (!first) return
    first.membersLeft -= 1
    if (first.membersLeft > 0) return
    this.#cut(first)
    first.pieces.push(null)
    this.#growing.shift()
  }

  #cut(segment: Growing): void {
    const { bytes, chunks } = segment
    if (bytes === 0) return
    segment.chunks = []
    segment.bytes = 0
    this.#waitingBytes += bytes
    const packed = this.#options.packers.pack(chunks)
    packed.catch(() => {})
    segment.pieces.push({ packed, bytes } satisfies Piece)
  }
}
