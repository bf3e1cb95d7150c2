import { availableParallelism } from 'node:os'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Packing, pack } from './archive-compression.ts'

/** Compresses on all processors. */
export interface Packers {
  /** @param bytes Are given away: nobody else may use their memory any more. */
  pack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array>
  /** Gives the threads back; what is still being compressed is lost. */
  close(): Promise<void>
}

/** Each has a compressor's memory of its own. */
const mostThreads = 8
/** How much is compressed at once where it is handed over: less than that is not worth a thread. */
const atOnceBytes = 512 * 1024

interface Job {
  bytes: Uint8Array<ArrayBuffer>
  packed: PromiseWithResolvers<Uint8Array>
}

/** Threads are made as there is work for them, each of which takes one piece after the other. */
export function openPackers(
  packing: Packing,
  threads = Math.min(availableParallelism(), mostThreads),
): Packers {
  if (packing.compression === 'none') {
    return { pack: async (bytes) => pack(bytes, packing), close: async () => {} }
  }
  const jobs: Job[] = []
  const idle: Worker[] = []
  const working = new Map<Worker, Job>()
  const all = new Set<Worker>()
  let failure: Error | undefined
  let atOnce = atOnceBytes

  function start(): Worker {
    const worker = new Worker(threadFile, { workerData: packing, stdin: false })
    all.add(worker)
    worker.on('message', (packed: Uint8Array) => {
      const job = working.get(worker)
      working.delete(worker)
      idle.push(worker)
      next()
      job?.packed.resolve(packed)
    })
    worker.on('error', (error: Error) => {
      failure ??= error
      for (const { packed } of [...working.values(), ...jobs.splice(0)]) packed.reject(error)
    })
    return worker
  }

  function next(): void {
    while (jobs.length > 0) {
      const worker = idle.pop() ?? (all.size < threads ? start() : undefined)
      const job = worker && jobs.shift()
      if (!job) return
      working.set(worker, job)
      worker.postMessage(job.bytes, [job.bytes.buffer])
    }
  }

  return {
    async pack(bytes) {
      if (failure) throw failure
      if (bytes.length <= atOnce) {
        atOnce -= bytes.length
        return pack(bytes, packing)
      }
      atOnce = 0
      const packed = Promise.withResolvers<Uint8Array>()
      packed.promise.catch(() => {})
      jobs.push({ bytes, packed })
      next()
      return packed.promise
    },
    async close() {
      await Promise.all([...all].map((worker) => worker.terminate()))
    },
  }
}

/** In a build this is a chunk in a folder beside that of the host, and the thread a file of its own. */
const threadFile = join(import.meta.dirname, `../host/archive-packer-thread${extname(import.meta.filename)}`)
