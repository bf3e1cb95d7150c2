import { createHash, createHmac, type Hmac } from 'node:crypto'

// A sealed archive, which only those can read who have the identity of one of its recipients:
//
//   hdsync-sealed 1\n
//   the archive, encrypted chunk by chunk, byte for byte as long as it is itself
//   the list of its chunks, compressed by zstd(1) and encrypted by age(1)
//   the length of that list: 16 digits, padded by blanks, and \n
//
// The list is text, a line each: first the size and the SHA-256 of the archive, then of each chunk its length and its key.
// A chunk is encrypted by AES-256-CTR from a counter of 0 on. Its key is made of its SHA-256 and of a secret of this machine: the
// same chunk is the same bytes every night, so that rsync(1) sends none that has not changed, and no key encrypts two chunks.
// The secret alone opens nothing; the keys are in the list, which this machine cannot read any more once it is encrypted.

export const sealedMagic = Buffer.from('hdsync-sealed 1\n')
export const footerBytes = 17
/** What the names of forms end with. */
export const sealedSuffix = '.sealed'
/** No chunk is longer. */
export const mostChunkBytes = 512 * 1024

/** @param listBytes The length of the list. */
export function footerOf(listBytes: number): Buffer {
  return Buffer.from(`${String(listBytes).padStart(footerBytes - 1)}\n`)
}

/** @returns The length of the list; undefined where this is no such footer. */
export function listBytesIn(footer: Buffer): number | undefined {
  const [, digits] = /^ *(\d+)\n$/.exec(footer.toString('latin1')) ?? []
  return digits === undefined || footer.length !== footerBytes ? undefined : Number(digits)
}

/** The list's first line, as it is written and read. */
export function headLine({ sizeBytes, sha256 }: { sizeBytes: number; sha256: string }): string {
  return `hdsync-list 1 ${sizeBytes} ${sha256}\n`
}

/** Makes the keys of chunks. */
export class ChunkKeys {
  readonly #secret: Buffer

  /** @param secret Of this machine; see `chunkSecret`. */
  constructor(secret: Buffer) {
    this.#secret = secret
  }

  keyOf(chunk: Uint8Array): Buffer {
    return this.#hmac().update(createHash('sha256').update(chunk).digest()).digest()
  }

  /** Numbers that decide where chunks end: another machine cuts elsewhere, so that lengths tell nobody what is in them. */
  gear(): Uint32Array {
    const numbers = Array.from({ length: 32 }, (_, n) => this.#hmac().update(`gear ${n}`).digest())
    return Uint32Array.from({ length: 256 }, (_, n) => numbers[n >> 3]?.readUInt32LE(4 * (n & 7)) ?? 0)
  }

  #hmac(): Hmac {
    return createHmac('sha256', this.#secret)
  }
}
