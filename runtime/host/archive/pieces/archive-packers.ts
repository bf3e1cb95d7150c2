import { hash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { appRoot } from '../../../app-root.ts'
import { type Packing, pack } from '../archive-compression.ts'

/** Compresses pieces, several of them at a time, on all processors. */
export interface Packers {
  /** Memory to be filled, once some is free. @throws A thread has failed. */
  slot(): Promise<Slot>
  /**
   * Compresses what stands in a slot, each piece by itself.
   * @param lengths Those of its pieces, one after the other; at most `slotBytes` in all, none shorter than a block of tar.
   */
  pack(slot: Slot, lengths: readonly number[]): Promise<Packed[]>
  /** Has to be called when what was packed has been used: something else comes to lie in its place. */
  release(slot: Slot): void
  /** Gives the threads back; what is still being compressed is lost. */
  close(): Promise<void>
}

export interface Packed {
  bytes: Uint8Array
  sha256: Buffer
}

/** Where pieces lie, and where what comes of them is to lie. */
export interface Slot {
  raw: Uint8Array
  packed: Uint8Array
}

/** What a thread is told, and what it answers. */
export interface Task {
  slot: number
  lengths: readonly number[]
}
export interface Done {
  lengths: number[]
  /** One after the other. */
  sha256: Uint8Array
}

/** In one slot, at most. */
export const slotBytes: number = 2 * 1024 ** 2
/** What a compressor makes of something that cannot be compressed is a little longer, for each piece anew. */
const packedBytes = slotBytes + (slotBytes >> 6) + (slotBytes / 512) * 64
const sha256Bytes = 32
/** Each has a compressor's memory of its own. */
const mostThreads = 8
/** Less than that is not worth a thread: to begin one takes as long as to compress it. */
export const batchBytes: number = 512 * 1024

/** With fewer that wait it is not worth another thread, where one is there. */
const jobsForAnother = 2

export function openPackers(
  packing: Packing,
  threads = Math.min(availableParallelism(), mostThreads),
): Packers {
  const pool = new ThreadPool(packing, threads)
  // A single processor gains nothing by a thread, but for what would keep everything else waiting.
  const isLight = packing.compression === 'none' || (threads === 1 && (packing.level ?? 0) < 10)
  return {
    slot: () => pool.slot(),
    async pack(slot, lengths) {
      const bytes = lengths.reduce((sum, length) => sum + length, 0)
      const isSmall = bytes < batchBytes && !pool.isAtWork
      return isLight || isSmall ? piecesIn(slot, packInto(slot, lengths, packing)) : pool.pack(slot, lengths)
    },
    release: (slot) => pool.release(slot),
    close: () => pool.close(),
  }
}

/** Compresses each of some pieces by itself, and puts what comes of them one after the other. */
export function packInto({ raw, packed }: Slot, lengths: readonly number[], packing: Packing): Done {
  const done: Done = { lengths: [], sha256: new Uint8Array(lengths.length * sha256Bytes) }
  let from = 0
  let to = 0
  for (const [n, length] of lengths.entries()) {
    const bytes = pack(raw.subarray(from, from + length), packing)
    packed.set(bytes, to)
    done.sha256.set(hash('sha256', bytes, 'buffer'), n * sha256Bytes)
    done.lengths.push(bytes.length)
    from += length
    to += bytes.length
  }
  return done
}

function piecesIn({ packed }: Slot, { lengths, sha256 }: Done): Packed[] {
  let at = 0
  return lengths.map((length, n) => {
    const bytes = packed.subarray(at, at + length)
    at += length
    return { bytes, sha256: Buffer.from(sha256.buffer, sha256.byteOffset + n * sha256Bytes, sha256Bytes) }
  })
}

/** The slots in memory that threads share. */
export function slotsIn(memory: SharedArrayBuffer): Slot[] {
  const both = slotBytes + packedBytes
  return Array.from({ length: memory.byteLength / both }, (_, n) => ({
    raw: new Uint8Array(memory, n * both, slotBytes),
    packed: new Uint8Array(memory, n * both + slotBytes, packedBytes),
  }))
}

interface Job extends Task {
  done: PromiseWithResolvers<Packed[]>
}

/** Threads that do one job after the other, made as there is work for them. */
class ThreadPool {
  readonly #packing: Packing
  readonly #threads: number
  readonly #memory: SharedArrayBuffer
  readonly #slots: readonly Slot[]
  readonly #free: Slot[]
  readonly #waiting: PromiseWithResolvers<Slot>[] = []
  readonly #jobs: Job[] = []
  readonly #all: Worker[] = []
  readonly #idle: Worker[] = []
  #failure: Error | undefined

  constructor(packing: Packing, threads: number) {
    this.#packing = packing
    this.#threads = threads
    // Enough for what is filled and compressed, and for as much that waits to be written. None of it is there before it
    // is used.
    this.#memory = new SharedArrayBuffer((2 * threads + 1) * (slotBytes + packedBytes))
    this.#slots = slotsIn(this.#memory)
    this.#free = this.#slots.toReversed()
  }

  get isAtWork(): boolean {
    return this.#all.length > 0
  }

  async slot(): Promise<Slot> {
    if (this.#failure) throw this.#failure
    const free = this.#free.pop()
    if (free) return free
    const waiting = Promise.withResolvers<Slot>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  release(slot: Slot): void {
    const next = this.#waiting.shift()
    if (next) next.resolve(slot)
    else this.#free.push(slot)
  }

  async pack(slot: Slot, lengths: readonly number[]): Promise<Packed[]> {
    if (this.#failure) throw this.#failure
    const done = Promise.withResolvers<Packed[]>()
    this.#jobs.push({ slot: this.#slots.indexOf(slot), lengths, done })
    this.#next()
    return done.promise
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.terminate()))
  }

  #next(): void {
    while (this.#jobs.length > 0) {
      const worker = this.#idle.pop() ?? this.#newWorker()
      const job = worker && this.#jobs.shift()
      if (!job) return
      this.#give(worker, job)
    }
  }

  #give(worker: Worker, { slot, lengths, done }: Job): void {
    const failed = (error: Error) => done.reject(error)
    worker.once('error', failed)
    worker.once('message', (packed: Done) => {
      worker.off('error', failed)
      this.#idle.push(worker)
      done.resolve(piecesIn(this.#slots[slot] as Slot, packed))
      this.#next()
    })
    worker.postMessage({ slot, lengths } satisfies Task)
  }

  #newWorker(): Worker | undefined {
    const isWorth = this.#all.length === 0 || this.#jobs.length >= jobsForAnother
    if (this.#all.length >= this.#threads || !isWorth) return undefined
    const worker = new Worker(threadFile, { workerData: { packing: this.#packing, memory: this.#memory } })
    worker.on('error', (error: Error) => {
      this.#failure ??= error
      for (const { done } of this.#jobs.splice(0)) done.reject(error)
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    })
    this.#all.push(worker)
    return worker
  }
}

/** In a build, too, the thread is a file of its own. */
const threadFile = join(
  appRoot,
  `runtime/host/archive/pieces/archive-packer-thread${extname(import.meta.filename)}`,
)
