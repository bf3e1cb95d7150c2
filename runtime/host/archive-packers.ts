import { availableParallelism } from 'node:os'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Packing, pack } from './archive-compression.ts'

/** Compresses pieces on all processors. */
export interface Packers {
  /** @param chunks One after the other at most `pieceBytes`. They may be let go once this has resolved. */
  pack(chunks: readonly Uint8Array[]): Promise<Packed>
  /** Gives the threads back; what is still being compressed is lost. */
  close(): Promise<void>
}

export interface Packed {
  bytes: Uint8Array
  /** Has to be called when the bytes have been used: others come to lie in their place. */
  release(): void
}

/** What threads are told of a piece: where it lies, and where the answer comes to lie. */
export interface Slot {
  raw: Uint8Array
  packed: Uint8Array
}

/** Compressed in one piece, at most. */
export const pieceBytes: number = 2 * 1024 ** 2
/** What a compressor makes of something that cannot be compressed is a little longer. */
const packedBytes = pieceBytes + (pieceBytes >> 6)
/** Each has a compressor's memory of its own. */
const mostThreads = 8
/** How much is compressed at once where it is handed over: less than that is not worth a thread. */
const atOnceBytes = 512 * 1024

interface Job {
  chunks: readonly Uint8Array[]
  done: PromiseWithResolvers<Packed>
}

export function openPackers(
  packing: Packing,
  threads = Math.min(availableParallelism(), mostThreads),
): Packers {
  const pool = new ThreadPool(packing, threads)
  let atOnce = atOnceBytes
  return {
    async pack(chunks) {
      const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
      // A single processor gains nothing by a thread, but for what would keep everything else waiting.
      const isLight = packing.compression === 'none' || (threads === 1 && (packing.level ?? 0) < 10)
      if (!isLight && bytes > atOnce) {
        atOnce = 0
        return pool.pack(chunks)
      }
      atOnce -= isLight ? 0 : bytes
      return { bytes: pack(Buffer.concat(chunks), packing), release() {} }
    },
    close: () => pool.close(),
  }
}

/**
 * Threads that compress one piece after the other. They are made as there is work for them; memory that they share with
 * this one is used again and again, as handing some over with each piece costs more than to compress it.
 */
class ThreadPool {
  readonly #packing: Packing
  readonly #threads: number
  readonly #jobs: Job[] = []
  readonly #all: Worker[] = []
  readonly #idle: Worker[] = []
  readonly #free: Slot[] = []
  #slots = 0
  #failure: Error | undefined

  constructor(packing: Packing, threads: number) {
    this.#packing = packing
    this.#threads = threads
  }

  async pack(chunks: readonly Uint8Array[]): Promise<Packed> {
    if (this.#failure) throw this.#failure
    const done = Promise.withResolvers<Packed>()
    // Whoever waits is told; nobody may be waiting yet.
    done.promise.catch(() => {})
    this.#jobs.push({ chunks, done })
    this.#next()
    return done.promise
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.terminate()))
  }

  #next(): void {
    while (this.#jobs.length > 0) {
      const slot = this.#free.pop() ?? this.#newSlot()
      if (!slot) return
      const worker = this.#idle.pop() ?? this.#newWorker()
      const job = worker && this.#jobs.shift()
      if (!job) {
        this.#free.push(slot)
        return
      }
      this.#give(worker, slot, job)
    }
  }

  #give(worker: Worker, slot: Slot, { chunks, done }: Job): void {
    let rawBytes = 0
    for (const chunk of chunks) {
      slot.raw.set(chunk, rawBytes)
      rawBytes += chunk.length
    }
    worker.once('message', (bytes: number) => {
      this.#idle.push(worker)
      const release = () => {
        this.#free.push(slot)
        this.#next()
      }
      done.resolve({ bytes: slot.packed.subarray(0, bytes), release })
      this.#next()
    })
    worker.postMessage({ slot, rawBytes })
  }

  /** Enough for what is compressed, and for as much that waits to be written. */
  #newSlot(): Slot | undefined {
    if (this.#slots >= 2 * this.#threads) return undefined
    this.#slots += 1
    const shared = (bytes: number) => new Uint8Array(new SharedArrayBuffer(bytes))
    return { raw: shared(pieceBytes), packed: shared(packedBytes) }
  }

  #newWorker(): Worker | undefined {
    if (this.#all.length >= this.#threads) return undefined
    const worker = new Worker(threadFile, { workerData: this.#packing })
    worker.on('error', (error: Error) => {
      this.#failure ??= error
      for (const { done } of this.#jobs.splice(0)) done.reject(error)
    })
    this.#all.push(worker)
    return worker
  }
}

/** In a build this is a chunk in a folder beside that of the host, and the thread a file of its own. */
const threadFile = join(import.meta.dirname, `../host/archive-packer-thread${extname(import.meta.filename)}`)
