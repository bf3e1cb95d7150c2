import { parentPort, workerData } from 'node:worker_threads'
import { type Packing, pack } from './archive-compression.ts'

// Compresses what it is sent, and sends it back. A thread of its own: see archive-packers.ts.
parentPort?.on('message', (bytes: Uint8Array) => {
  const packed = pack(bytes, workerData as Packing)
  // Not all memory may be given away: small buffers share theirs.
  const own = packed.byteLength === packed.buffer.byteLength ? packed : Uint8Array.from(packed)
  parentPort?.postMessage(own, [own.buffer as ArrayBuffer])
})
