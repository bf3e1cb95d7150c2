import { parentPort, workerData } from 'node:worker_threads'
import type { Packing } from '../archive-compression.ts'
import { packInto, type Slot, slotsIn, type Task } from './archive-packers.ts'

// Compresses what lies in a slot, and tells how long it has become. A thread of its own: see archive-packers.ts.
const { packing, memory } = workerData as { packing: Packing; memory: SharedArrayBuffer }
const slots = slotsIn(memory)
parentPort?.on('message', ({ slot, lengths }: Task) => {
  parentPort?.postMessage(packInto(slots[slot] as Slot, lengths, packing))
})
