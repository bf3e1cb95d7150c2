import { createHash, createHmac, type Hmac } from 'node:crypto'

// A sealed archive, which only those can read who have the identity of one of its recipients:
//
//   hdsync-sealed 2\n
//   the archive, encrypted chunk by chunk, byte for byte as long as it is itself
//   the list of its chunks, compressed by zstd(1) and encrypted by age(1)
//   the length of that list: 16 digits, padded by blanks, and \n
//
// The list is text, a line each: first the size and the SHA-256 of the archive and where it comes from (see `Origin`), then of each
// chunk its length and its key.
// A chunk is encrypted by AES-256-CTR from a counter of 0 on. Its key is made of its SHA-256, a secret of this machine and the
// recipients: the same chunk is the same bytes every night, so that rsync(1) sends none that has not changed, and no key encrypts two chunks.
// The secret alone opens nothing; the keys are in the list, which this machine cannot read any more once it is encrypted.

/** Which layout it is; it goes up where an earlier hdsync could not read it. */
export const sealedVersion = 2
export const sealedMagic = Buffer.from(`hdsync-sealed ${sealedVersion}\n`)
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

/** Where a sealed archive comes from, as it says itself: a vault could say anything. */
export interface Origin {
  source: string
  /** The night that it was encrypted for, as ISO 8601. An unchanged night after that is a further name of the same file. */
  at: string
  /** The user of the vault that the host sent it as. Hosts have users of their own, so it tells the host. */
  user: string
}

/** What the list says of the archive. */
export interface SealedHead extends Origin {
  sizeBytes: number
  sha256: string
}

/** The first line of the list. */
export function headLine({ sizeBytes, sha256, source, at, user }: SealedHead): string {
  return `hdsync-list ${sealedVersion} ${sizeBytes} ${sha256} ${source} ${at} ${user}\n`
}

const head = new RegExp(
  `^hdsync-list ${sealedVersion} (?<sizeBytes>\\d+) (?<sha256>[0-9a-f]{64}) (?<source>\\S+) (?<at>\\S+) (?<user>\\S+)$`,
)

/** Reads such a line, without its end. @returns undefined where it is none. */
export function headIn(line: string): SealedHead | undefined {
  const found = head.exec(line)?.groups
  if (!found) return undefined
  const { sizeBytes, sha256 = '', source = '', at = '', user = '' } = found
  return { sizeBytes: Number(sizeBytes), sha256, source, at, user }
}

/** Makes the keys of chunks. */
export class ChunkKeys {
  readonly #secret: Buffer

  /**
   * @param secret Of this machine; see `chunkSecret`.
   * @param recipients See `recipientsIn`. Other recipients have other keys: who could read once has none of what comes later.
   */
  constructor(secret: Buffer, recipients: string) {
    this.#secret = createHmac('sha256', secret).update(`recipients ${recipients}`).digest()
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
