import { statfsSync } from 'node:fs'
import type { Progress } from '../../progress.ts'
import { meter } from '../archive/meter.ts'

const everyMs = 500

/**
 * Tells how far something that fills a folder has come, by the room that is taken from its file system: whatever copies, and
 * however, it is not kept waiting. What others write there at the same time counts too, as far as the total goes.
 * @param totalBytes What it will take; null where that is not known.
 */
export class RoomMeter implements Disposable {
  readonly #folder: string
  readonly #totalBytes: number | null
  readonly #passed: ReturnType<typeof meter>
  readonly #freeBefore: number
  readonly #timer: NodeJS.Timeout
  #bytes = 0

  constructor(folder: string, totalBytes: number | null, onProgress: (progress: Progress) => void) {
    this.#folder = folder
    this.#totalBytes = totalBytes
    this.#passed = meter(totalBytes, onProgress)
    this.#freeBefore = freeBytes(folder) ?? 0
    this.#timer = setInterval(() => this.look(), everyMs)
    this.#timer.unref()
  }

  /** Looks, and tells. */
  look(): void {
    const taken = this.#freeBefore - (freeBytes(this.#folder) ?? this.#freeBefore)
    this.#tell(Math.min(taken, this.#totalBytes ?? taken))
  }

  /** Tells that all of it is there. */
  end(): void {
    this[Symbol.dispose]()
    this.#tell(this.#totalBytes ?? this.#bytes)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  /** What is removed elsewhere takes nothing back. */
  #tell(bytes: number): void {
    const length = Math.max(0, bytes - this.#bytes)
    this.#bytes += length
    this.#passed({ length })
  }
}

function freeBytes(folder: string): number | undefined {
  try {
    const { bfree, bsize } = statfsSync(folder)
    return bfree * bsize
  } catch {
    return undefined
  }
}
