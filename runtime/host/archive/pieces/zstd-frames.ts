const magic = 0xfd2fb528
/** Sizes of the parts of a frame's header, by the bits that tell them. @see RFC 8878, 3.1.1.1 */
const dictionaryBytes = [0, 1, 2, 4]
const sizeBytes = [0, 2, 4, 8]
const mostHeaderBytes = 18
const rleBlock = 1

/** Where a frame is being read. */
type Part = 'descriptor' | 'header' | 'block'

/**
 * Measures zstd frames as they pass: how long each is, and how long what it holds. Only headers are looked at.
 * @see RFC 8878, 3.1.1 "Zstandard Frames"
 */
export class ZstdFrames {
  /** For each frame its length, and that of what it holds: four bytes each. */
  #sizes = Buffer.alloc(8 * 1024)
  #count = 0
  #isKnown = true
  readonly #head = Buffer.alloc(mostHeaderBytes)
  #have = 0
  #need = 5
  #part: Part = 'descriptor'
  /** What of a block, or of a checksum, is to be passed over. */
  #skip = 0
  #frameBytes = 0
  #contentBytes = 0
  #checksumBytes = 0
  #isLastBlock = false

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#isKnown; ) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at)
        this.#skip -= skipped
        this.#frameBytes += skipped
        at += skipped
      } else {
        const taken = Math.min(this.#need - this.#have, bytes.length - at)
        this.#head.set(bytes.subarray(at, at + taken), this.#have)
        this.#have += taken
        this.#frameBytes += taken
        at += taken
        if (this.#have === this.#need) this.#next()
      }
      if (this.#skip === 0 && this.#isLastBlock) this.#endFrame()
    }
  }

  /** @returns undefined where something else has passed, or a frame that does not tell how much it holds. */
  end(): { count: number; sizes: Buffer } | undefined {
    if (!this.#isKnown || this.#frameBytes > 0) return undefined
    return { count: this.#count, sizes: this.#sizes.subarray(0, 8 * this.#count) }
  }

  #next(): void {
    const head = this.#head
    if (this.#part === 'block') {
      const block = head.readUIntLE(0, 3)
      this.#isLastBlock = (block & 1) === 1
      const isRle = ((block >> 1) & 3) === rleBlock
      this.#skip = (isRle ? 1 : block >> 3) + (this.#isLastBlock ? this.#checksumBytes : 0)
      this.#have = 0
      return
    }
    const descriptor = head[4] ?? 0
    const isSingle = (descriptor & 0x20) > 0
    const size = sizeBytes[descriptor >> 6] || (isSingle ? 1 : 0)
    if (this.#part === 'descriptor') {
      // Skippable frames do not come from a compressor.
      if (head.readUInt32LE(0) !== magic || size === 0) this.#isKnown = false
      this.#checksumBytes = descriptor & 4
      this.#need = 5 + (isSingle ? 0 : 1) + (dictionaryBytes[descriptor & 3] ?? 0) + size
      this.#part = 'header'
      return
    }
    const at = this.#need - size
    if (size === 8) this.#contentBytes = Number(head.readBigUInt64LE(at))
    else this.#contentBytes = head.readUIntLE(at, size) + (size === 2 ? 256 : 0)
    this.#part = 'block'
    this.#have = 0
    this.#need = 3
  }

  #endFrame(): void {
    const at = 8 * this.#count
    if (at === this.#sizes.length) this.#sizes = Buffer.concat([this.#sizes, Buffer.alloc(at)])
    this.#isKnown = this.#contentBytes < 2 ** 32 && this.#frameBytes < 2 ** 32
    if (!this.#isKnown) return
    this.#sizes.writeUInt32LE(this.#frameBytes, at)
    this.#sizes.writeUInt32LE(this.#contentBytes, at + 4)
    this.#count += 1
    this.#frameBytes = 0
    this.#have = 0
    this.#need = 5
    this.#part = 'descriptor'
    this.#isLastBlock = false
  }
}
