import { closeSync, openSync, readSync } from 'node:fs'
import { customRandom, urlAlphabet } from 'nanoid'

const poolBytes = 4096
let pool: Buffer = Buffer.alloc(0)

/**
 * Bytes that nobody can guess, from the kernel (random(4)). `node:crypto` has the same, and OpenSSL with it: to load that
 * takes a fifth of the time that a bare Node takes to start, and nothing else needs it before the first step of a run.
 * @throws {NodeJS.ErrnoException} There is no /dev/urandom.
 */
export function randomBytes(size: number): Buffer {
  if (size > poolBytes) return readRandom(size)
  if (pool.length < size) pool = readRandom(poolBytes)
  const bytes = pool.subarray(0, size)
  // Each is given away once.
  pool = pool.subarray(size)
  return bytes
}

function readRandom(size: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(size)
  const fd = openSync('/dev/urandom', 'r')
  try {
    for (let at = 0; at < size; ) at += readSync(fd, bytes, at, size - at, null)
  } finally {
    closeSync(fd)
  }
  return bytes
}

/** Makes ids of random characters. */
export function randomIds(alphabet: string, length: number): () => string {
  return customRandom(alphabet, length, randomBytes)
}

/** An id that may stand in an URL. */
export function urlIds(length: number): () => string {
  return randomIds(urlAlphabet, length)
}
