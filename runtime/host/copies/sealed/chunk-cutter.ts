import { mostChunkBytes } from './layout.ts'

/** Of so many bytes a chunk ends by what is in it alone; on average after 64 KiB more. */
const leastBytes = 16 * 1024
/** From this size on a chunk ends where a frame does; below, one time in four. */
const smallBytes = 512

/**
 * Cuts an archive into chunks. It cuts where a compressed frame ends, as frames are what stays the same from night to night, and
 * within what is longer where the last 32 bytes say so: what was put in or taken out moves the nearest cuts alone.
 */
export class ChunkCutter {
  readonly #gear: Uint32Array
  readonly #frames: Iterator<number>
  #frameLeft: number
  #hash = 0
  #length = 0

  /**
   * @param gear A number for each value of a byte.
   * @param frames The lengths of the frames that the archive begins with, as far as they are known.
   */
  constructor(gear: Uint32Array, frames: Iterable<number>) {
    this.#gear = gear
    this.#frames = frames[Symbol.iterator]()
    this.#frameLeft = this.#nextFrame()
  }

  /** @param bytes What comes next. @returns Where in them chunks end; the same, however they are divided. */
  ends(bytes: Uint8Array): number[] {
    const ends: number[] = []
    for (let at = 0; at < bytes.length; ) {
      const most = this.#length < leastBytes ? leastBytes : mostChunkBytes
      const stop = Math.min(bytes.length, at + this.#frameLeft, at + most - this.#length)
      const next = this.#length < leastBytes ? this.#pass(bytes, at, stop) : this.#search(bytes, at, stop)
      this.#length += next - at
      this.#frameLeft -= next - at
      at = next
      if (!this.#isEnd()) continue
      ends.push(at)
      this.#length = 0
    }
    return ends
  }

  /** Of bytes among which no chunk ends, the last alone count. @returns `stop`. */
  #pass(bytes: Uint8Array, at: number, stop: number): number {
    let hash = this.#hash
    for (let n = Math.max(at, stop - hashedBytes); n < stop; n += 1) hash = added(hash, this.#gear, bytes, n)
    this.#hash = hash
    return stop
  }

  /** @returns Where bytes say that a chunk ends; `stop` where none do. */
  #search(bytes: Uint8Array, at: number, stop: number): number {
    const gear = this.#gear
    let hash = this.#hash
    let n = at
    while (n < stop) {
      hash = added(hash, gear, bytes, n)
      n += 1
      if (hash >>> 16 === 0) break
    }
    this.#hash = hash
    return n
  }

  #isEnd(): boolean {
    const isFrame = this.#frameLeft === 0
    if (isFrame) this.#frameLeft = this.#nextFrame()
    if (this.#length >= mostChunkBytes) return true
    if (this.#length > leastBytes && this.#hash >>> 16 === 0) return true
    return isFrame && (this.#length >= smallBytes || this.#hash >>> 30 === 0)
  }

  #nextFrame(): number {
    for (;;) {
      const { done, value } = this.#frames.next()
      if (done) return Number.POSITIVE_INFINITY
      if (value > 0) return value
    }
  }
}

/** What came before so many bytes has been shifted out. */
const hashedBytes = 32

function added(hash: number, gear: Uint32Array, bytes: Uint8Array, at: number): number {
  return ((hash << 1) + (gear[bytes[at] as number] as number)) | 0
}
