import { type Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'

/** In pieces of 16 KiB, as Node has it, it takes three times as long; in larger ones no less. */
const unpackedAtOnce = 256 * 1024

/**
 * Unpacks frames of zstd, and holds them against their checksums. zstd(1) hands each frame from thread to thread and back
 * (since 1.5.3), which takes three times as long where a core is idle.
 * @returns `result` rejects where something is damaged, cut off, or no frame.
 */
export function unpacking(): { input: Writable; output: Readable; result: Promise<void> } {
  const unpack = createZstdDecompress({ chunkSize: unpackedAtOnce })
  let given = 0
  const result = finished(unpack).then(
    () => {
      // Node ends well where what follows a frame is none.
      if (unpack.bytesWritten < given) throw cannotUnpack(`at byte ${unpack.bytesWritten} begins no frame`)
    },
    (cause: Error) => {
      throw cannotUnpack(cause.message, { cause })
    },
  )
  // Whoever waits for it gets the rejection; this keeps it from being unhandled until they do.
  result.catch(() => {})
  const input = new Writable({
    write(chunk, _encoding, done) {
      given += chunk.length
      // It answers no write that it fails at.
      Promise.race([new Promise((resolve) => unpack.write(chunk, resolve)), result]).then(() => done(), done)
    },
    final(done) {
      unpack.end()
      result.then(() => done(), done)
    },
    destroy(error, done) {
      unpack.destroy()
      done(error)
    },
  })
  return { input, output: unpack, result }
}

function cannotUnpack(why: string, options?: ErrorOptions): Error {
  return new Error(`zstd cannot unpack it: ${why}`, options)
}
