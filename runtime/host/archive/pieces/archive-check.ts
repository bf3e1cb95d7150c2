import { createHash, type Hash, hash } from 'node:crypto'
import { digestOf } from './archive-index.ts'

/** What is to stand in an archive, segment by segment; it may grow. */
export interface Segments {
  count: number
  entry(n: number): { length: number; digest: Buffer }
}

/**
 * Compares an archive, as it is read, with what is to stand there. Of one that is still being written, a segment has to be
 * known before its end is read.
 */
export class ArchiveCheck {
  readonly #segments: Segments
  /** The segment that comes next, or of which a part has come. */
  #n = 0
  #part: Hash | undefined
  #partBytes = 0

  constructor(segments: Segments) {
    this.#segments = segments
  }

  /** @throws A segment is not what it is to be. */
  add(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const segment = this.#n < this.#segments.count ? this.#segments.entry(this.#n) : undefined
      const left = segment ? segment.length - this.#partBytes : chunk.length - at
      if (left < 0) throw notAsWritten()
      const bytes = chunk.subarray(at, at + left)
      at += bytes.length
      if (segment && bytes.length === segment.length) {
        this.#compare(hash('sha256', bytes, 'buffer'), segment.digest)
        continue
      }
      this.#part ??= createHash('sha256')
      this.#part.update(bytes)
      this.#partBytes += bytes.length
      if (segment && this.#partBytes === segment.length) this.#compare(this.#part.digest(), segment.digest)
    }
  }

  /** @throws Something is missing, or has come that is not to be there. */
  end(): void {
    if (this.#n !== this.#segments.count || this.#partBytes > 0) throw notAsWritten()
  }

  #compare(sha256: Buffer, digest: Buffer): void {
    if (!digestOf(sha256).equals(digest)) throw notAsWritten()
    this.#n += 1
    this.#part = undefined
    this.#partBytes = 0
  }
}

function notAsWritten(): Error {
  return new Error('it does not read back as it was written')
}
