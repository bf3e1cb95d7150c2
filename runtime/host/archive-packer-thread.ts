import { parentPort, workerData } from 'node:worker_threads'
import { type Packing, pack } from './archive-compression.ts'
import type { Slot } from './archive-packers.ts'

// Compresses what lies in a slot, and answers how long it has become. A thread of its own: see archive-packers.ts.
parentPort?.on('message', ({ slot, rawBytes }: { slot: Slot; rawBytes: number }) => {
  const packed = pack(slot.raw.subarray(0, rawBytes), workerData as Packing)
  slot.packed.set(packed)
  parentPort?.postMessage(packed.length)
})
