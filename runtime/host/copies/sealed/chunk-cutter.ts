import { mostChunkBytes } from './layout.ts'

/** Of so many bytes a chunk ends by what is in it alone; on average after 64 KiB more. */
const leastBytes = 16 * 1024
/** From this size on a chunk ends where a frame does; below, one time in four. */
const smallBytes = 2048

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

  /** @param bytes What comes next. @returns Where in them chunks end. */
  ends(bytes: Uint8Array): number[] {
    const gear = this.#gear
    const ends: number[] = []
    let [hash, length, frameLeft] = [this.#hash, this.#length, this.#frameLeft]
    for (let at = 0; at < bytes.length; ) {
      hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0
      at += 1
      length += 1
      frameLeft -= 1
      let isEnd = length === mostChunkBytes || (length >= leastBytes && hash >>> 16 === 0)
      if (frameLeft === 0) {
        frameLeft = this.#nextFrame()
        isEnd ||= length >= smallBytes || hash >>> 30 === 0
      }
      if (!isEnd) continue
      ends.push(at)
      length = 0
    }
    this.#hash = hash
    this.#length = length
    this.#frameLeft = frameLeft
    return ends
  }

  #nextFrame(): number {
    for (;;) {
      const { done, value } = this.#frames.next()
      if (done) return Number.POSITIVE_INFINITY
      if (value > 0) return value
    }
  }
}
