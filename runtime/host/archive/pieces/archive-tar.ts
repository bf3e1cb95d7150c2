import { once } from 'node:events'
import { Readable } from 'node:stream'
import { TerminalError } from '../../../errors.ts'
import type { Command, CommandRunner, OpenCommand } from '../../command/command.ts'
import { batchBytes, type Packed, type Packers, type Slot, slotBytes } from './archive-packers.ts'
import type { Segment } from './archive-segments.ts'
import type { Member } from './tar-member.ts'
import { TarSplitter } from './tar-splitter.ts'

/** A segment that was packed anew, or where it is long a part of it. */
export interface Piece extends Packed {
  isLast: boolean
  /** Of the last piece: what is in the segment. */
  members: readonly Member[]
}

/** Pieces that are compressed at a time, in memory that they share. */
interface Batch {
  slot: Slot
  lengths: number[]
  /** Of each piece. */
  isLast: boolean[]
  members: (readonly Member[])[]
  bytes: number
}

interface PackedBatch extends Batch {
  packed: Promise<Packed[]>
}

export interface TarFeedOptions {
  /** tar(1), which packs the paths that it reads from its standard input. */
  tar: Command
  packers: Packers
  runner: CommandRunner
  /** Ends the waiting for memory that nobody will release any more. */
  signal: AbortSignal
}

/**
 * One tar for all segments that are packed anew, so that it knows which names are of one file; its output is cut into
 * segments again, and compressed. It is begun with the first of them.
 */
export class TarFeed {
  readonly #options: TarFeedOptions
  /** How many members are still to come, of each segment that is not complete. */
  readonly #membersLeft: number[] = []
  /** What has come of the segment that is not complete. */
  #members: Member[] = []
  #tar: Promise<OpenCommand> | undefined
  #reading: Promise<void> | undefined
  /** What is being filled. */
  #batch: Batch | undefined
  /** Where its last piece begins, which is not complete. */
  #pieceFrom = 0
  readonly #batches = new Readable({ objectMode: true, read() {} })
  readonly #pieces: AsyncIterator<Piece>
  readonly #stopped: Promise<never>

  constructor(options: TarFeedOptions) {
    this.#options = options
    // Whoever reads them is told; nobody may be reading yet.
    this.#batches.on('error', () => {})
    this.#pieces = this.#packed()
    const { signal } = options
    this.#stopped = new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    this.#stopped.catch(() => {})
  }

  /** Has a segment packed, after those that were added before. */
  async add({ entries, paths }: Segment): Promise<void> {
    this.#membersLeft.push(entries)
    this.#tar ??= this.#open()
    const { input } = await this.#tar
    if (!input.write(paths)) await Promise.race([once(input, 'drain'), this.#reading])
  }

  /**
   * The next piece of the segments that were added, in their order; it may be used until the next one is asked for.
   * @throws {CommandError} tar could not read something.
   */
  async next(): Promise<Piece> {
    const { value, done } = await this.#pieces.next()
    if (done) throw new TerminalError('tar has packed less than it was told to')
    return value
  }

  /** Waits until all is packed. @throws {CommandError} tar could not read something. */
  async end(): Promise<void> {
    const tar = await this.#tar
    tar?.input.end()
    await this.#reading
  }

  async *#packed(): AsyncGenerator<Piece> {
    for await (const { packed, isLast, members, slot } of this.#batches as AsyncIterable<PackedBatch>) {
      for (const [n, piece] of (await packed).entries())
        yield { ...piece, isLast: isLast[n] ?? false, members: members[n] ?? [] }
      this.#options.packers.release(slot)
    }
  }

  async #open(): Promise<OpenCommand> {
    const tar = await this.#options.runner.open(this.#options.tar)
    // When it ends early, its exit code says why.
    tar.input.on('error', () => {})
    this.#reading = this.#read(tar)
    this.#reading.catch((error) => this.#batches.destroy(error))
    return tar
  }

  async #read(tar: OpenCommand): Promise<void> {
    /** What one chunk consists of: bytes of members, and where one ends. */
    let found: (Buffer | { member: Member | undefined })[] = []
    const splitter = new TarSplitter({
      bytes: (chunk) => found.push(chunk),
      member: (member) => found.push({ member }),
    })
    const { readLimit } = this.#options.runner
    for await (const chunk of tar.output) {
      await readLimit?.after(chunk.length)
      splitter.add(chunk)
      for (const one of found) {
        if ('member' in one) this.#endMember(one.member)
        else await this.#grow(one)
      }
      found = []
    }
    await tar.result
    // It leaves out what it does not know how to pack, and says so in a warning only.
    if (this.#membersLeft.length > 0) throw new TerminalError('tar has packed less than it was told to')
    this.#sendBatch()
    this.#batches.push(null)
  }

  async #grow(chunk: Buffer): Promise<void> {
    if (this.#membersLeft.length === 0) throw new TerminalError('tar has packed more than it was told to')
    for (let at = 0; at < chunk.length; ) {
      if (this.#batch?.bytes === slotBytes) {
        this.#endPiece(this.#batch, false)
        this.#sendBatch()
      }
      this.#batch ??= await this.#newBatch()
      const batch = this.#batch
      const part = chunk.subarray(at, at + slotBytes - batch.bytes)
      batch.slot.raw.set(part, batch.bytes)
      batch.bytes += part.length
      at += part.length
    }
  }

  /** While there is no memory, nothing more is taken from tar. */
  async #newBatch(): Promise<Batch> {
    this.#pieceFrom = 0
    const slot = await Promise.race([this.#options.packers.slot(), this.#stopped])
    return { slot, lengths: [], isLast: [], members: [], bytes: 0 }
  }

  #endMember(member: Member | undefined): void {
    if (member) this.#members.push(member)
    const left = (this.#membersLeft[0] ?? 0) - 1
    this.#membersLeft[0] = left
    if (left > 0) return
    this.#membersLeft.shift()
    const batch = this.#batch
    if (!batch) return
    this.#endPiece(batch, true)
    if (batch.bytes >= batchBytes) this.#sendBatch()
  }

  #endPiece(batch: Batch, isLast: boolean): void {
    batch.lengths.push(batch.bytes - this.#pieceFrom)
    batch.isLast.push(isLast)
    batch.members.push(isLast ? this.#members : [])
    if (isLast) this.#members = []
    this.#pieceFrom = batch.bytes
  }

  #sendBatch(): void {
    const batch = this.#batch
    if (!batch) return
    this.#batch = undefined
    const packed = this.#options.packers.pack(batch.slot, batch.lengths)
    packed.catch(() => {})
    this.#batches.push({ ...batch, packed } satisfies PackedBatch)
  }
}
