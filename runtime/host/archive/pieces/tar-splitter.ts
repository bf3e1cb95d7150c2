const blockBytes = 512
const emptyBlock = Buffer.alloc(blockBytes)
/** Headers that say more about the member after them. @see pax(1), "pax Header Block" */
const extended = new Set(['x', 'g'])

/** What is found in a tar stream. */
export interface Found {
  /** Bytes of members, headers and padding with them, in their order. */
  bytes(chunk: Buffer): void
  /** A member is complete. */
  member(): void
}

/**
 * Finds where in a tar stream (POSIX format) each member ends. What marks the end of the archive is left out, and so
 * is what pads it.
 * @throws {Error} From `add`: it is no such stream.
 * @see tar(5); https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export class TarSplitter {
  readonly #found: Found
  /** The beginning of a header whose rest has not come yet. */
  #header: Buffer = Buffer.alloc(0)
  /** Bytes of a body, and of its padding, that are still to come. */
  #left = 0
  /** What has come of an extended header's body. */
  #records: Buffer[] | undefined
  /** The size of the next body, where its own header has no room for it. */
  #size: number | undefined
  #ended = false

  constructor(found: Found) {
    this.#found = found
  }

  add(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#ended) {
      at += this.#left > 0 ? this.#body(chunk.subarray(at)) : this.#head(chunk.subarray(at))
    }
  }

  /** Whether the end was marked: a stream that stops before has been cut off. */
  get ended(): boolean {
    return this.#ended
  }

  /** @returns How many bytes it has taken. */
  #head(bytes: Buffer): number {
    const taken = bytes.subarray(0, blockBytes - this.#header.length)
    this.#header = this.#header.length === 0 ? taken : Buffer.concat([this.#header, taken])
    if (this.#header.length < blockBytes) return taken.length
    const header = this.#header
    this.#header = Buffer.alloc(0)
    if (header.equals(emptyBlock)) {
      this.#ended = true
      return taken.length
    }
    checkSum(header)
    const isExtended = extended.has(String.fromCharCode(header[156] ?? 0))
    const size = isExtended ? numberIn(header, 124, 12) : (this.#size ?? numberIn(header, 124, 12))
    this.#records = isExtended ? [] : undefined
    if (!isExtended) this.#size = undefined
    this.#left = Math.ceil(size / blockBytes) * blockBytes
    this.#found.bytes(header)
    if (this.#left === 0) this.#endBody()
    return taken.length
  }

  #body(bytes: Buffer): number {
    const taken = bytes.subarray(0, this.#left)
    this.#left -= taken.length
    this.#records?.push(taken)
    this.#found.bytes(taken)
    if (this.#left === 0) this.#endBody()
    return taken.length
  }

  #endBody(): void {
    if (this.#records) this.#size = sizeIn(Buffer.concat(this.#records))
    else this.#found.member()
  }
}

/** The sum of a header's bytes, those of the sum itself counted as spaces. */
function checkSum(header: Buffer): void {
  let sum = 8 * 32
  for (let at = 0; at < blockBytes; at += 1) if (at < 148 || at >= 156) sum += header[at] ?? 0
  if (sum !== numberIn(header, 148, 8)) throw new Error('what tar has written is no archive')
}

/** In octal digits, or where those are too few in base 256. */
function numberIn(header: Buffer, from: number, length: number): number {
  if ((header[from] ?? 0) & 0x80)
    return Number(BigInt(`0x${header.toString('hex', from + 1, from + length)}`))
  return Number.parseInt(header.toString('latin1', from, from + length), 8) || 0
}

/** The size among the records of an extended header, each of which is `LENGTH KEY=VALUE\n`. */
function sizeIn(records: Buffer): number | undefined {
  let size: number | undefined
  for (let at = 0; at < records.length; ) {
    const length = Number.parseInt(records.toString('latin1', at, at + 20), 10)
    if (!(length > 0)) break
    const [, key, value] = /^\d+ ([^=]*)=(\d*)\n$/.exec(records.toString('latin1', at, at + length)) ?? []
    if (key === 'size') size = Number(value)
    at += length
  }
  return size
}
