import { createHash, type Hash, hash } from 'node:crypto'
import type { Records } from './tar-member.ts'

/** Takes the SHA-256 of a file's contents while the body of its member passes. */
export interface ContentDigest {
  /** @param chunk The next bytes of the body, without its padding. */
  add(chunk: Buffer): void
  /** @returns undefined where it cannot be told. */
  end(): Buffer | undefined
}

/**
 * @param bytes Those of the body.
 * @param sizeBytes Those of the file.
 */
export function contentDigest(bytes: number, sizeBytes: number, records: Records): ContentDigest {
  const isSparse = records.get('GNU.sparse.major')?.toString() === '1'
  if (isSparse) return sizeBytes - bytes > mostHoleBytes ? nothing : new SparseDigest(sizeBytes)
  return new PlainDigest(bytes)
}

/** Larger holes are not read through: `/var/log/lastlog` may have a terabyte of them. */
const mostHoleBytes = 64 * 1024 ** 2
const zeros = Buffer.alloc(1024 ** 2)
const nothing: ContentDigest = { add() {}, end: () => undefined }

class PlainDigest implements ContentDigest {
  readonly #bytes: number
  #sha256: Buffer | undefined
  #hash: Hash | undefined

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  add(chunk: Buffer): void {
    // Most files come in one chunk, of which this takes a third of the time.
    if (!this.#hash && chunk.length === this.#bytes) this.#sha256 = hash('sha256', chunk, 'buffer')
    else {
      this.#hash ??= createHash('sha256')
      this.#hash.update(chunk)
    }
  }

  end(): Buffer {
    return this.#sha256 ?? this.#hash?.digest() ?? hash('sha256', '', 'buffer')
  }
}

const blockBytes = 512

/**
 * The body of a sparse file is a map, in decimal numbers each on a line of its own (how many regions there are, and where
 * each begins and how long it is), padded to a block, and then the regions.
 * @see https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html, PAX Format 1.0
 */
class SparseDigest implements ContentDigest {
  readonly #hash = createHash('sha256')
  readonly #sizeBytes: number
  #map: Buffer[] = []
  #lines = 0
  #regions: { offset: number; left: number }[] | undefined
  #at = 0
  /** What of the map's padding is still to come. */
  #padding = 0

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes
  }

  add(chunk: Buffer): void {
    const data = this.#pastPadding(this.#regions ? chunk : this.#readMap(chunk))
    for (let from = 0; from < data.length; ) {
      const region = this.#regions?.find(({ left }) => left > 0)
      if (!region) return
      this.#fillTo(region.offset)
      const part = data.subarray(from, from + region.left)
      this.#hash.update(part)
      from += part.length
      region.offset += part.length
      region.left -= part.length
      this.#at += part.length
      if (region.left === 0) this.#regions?.shift()
    }
  }

  end(): Buffer | undefined {
    if (!this.#regions) return undefined
    this.#fillTo(this.#sizeBytes)
    return this.#at === this.#sizeBytes ? this.#hash.digest() : undefined
  }

  /** @returns What of a chunk comes after the map. */
  #readMap(chunk: Buffer): Buffer {
    this.#map.push(chunk)
    for (const byte of chunk) if (byte === 0x0a) this.#lines += 1
    if (this.#lines === 0) return Buffer.alloc(0)
    const bytes = Buffer.concat(this.#map)
    this.#map = [bytes]
    const count = Number.parseInt(bytes.toString('latin1', 0, 20), 10)
    if (!(this.#lines >= 1 + 2 * count)) return Buffer.alloc(0)
    let end = 0
    const numbers: number[] = []
    while (numbers.length < 1 + 2 * count) {
      const next = bytes.indexOf(0x0a, end)
      numbers.push(Number(bytes.toString('latin1', end, next)))
      end = next + 1
    }
    const from = Math.ceil(end / blockBytes) * blockBytes
    this.#regions = []
    for (let n = 1; n < numbers.length; n += 2)
      if (numbers[n + 1]) this.#regions.push({ offset: numbers[n] ?? 0, left: numbers[n + 1] ?? 0 })
    this.#map = []
    this.#padding = from - end
    return bytes.subarray(end)
  }

  #pastPadding(chunk: Buffer): Buffer {
    const passed = Math.min(this.#padding, chunk.length)
    this.#padding -= passed
    return chunk.subarray(passed)
  }

  #fillTo(offset: number): void {
    while (this.#at < offset) {
      const part = zeros.subarray(0, offset - this.#at)
      this.#hash.update(part)
      this.#at += part.length
    }
  }
}
