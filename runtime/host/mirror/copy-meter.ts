import type { Progress } from '../../progress.ts'

/** Tells how far a copy has come: of all that there is to copy, or of nothing where that is not known. */
export class CopyMeter {
  readonly #onProgress: (progress: Progress) => void
  readonly #isAll: boolean
  #totalBytes: number | null
  #isListed = false
  #last: Progress | undefined

  constructor(totalBytes: number | 'all' | null, onProgress: (progress: Progress) => void) {
    this.#isAll = totalBytes === 'all'
    this.#totalBytes = totalBytes === 'all' ? null : totalBytes
    this.#onProgress = onProgress
  }

  read(progress: Progress, line: string): void {
    // Until rsync has seen the whole source (`ir-chk`), its percentage is that of a part.
    if (line.includes('to-chk=')) this.#isListed = true
    if (this.#isAll && this.#isListed && progress.totalBytes !== null) {
      // Percentages are rounded down, so that the total comes out too large: the least of them is nearest.
      this.#totalBytes = Math.min(this.#totalBytes ?? Number.POSITIVE_INFINITY, progress.totalBytes)
    }
    this.#tell(progress, this.#totalBytes)
  }

  /** What was there already, or was linked, is not copied: all of it is done nevertheless. */
  end(transferredBytes: number): void {
    if (this.#last) this.#tell({ ...this.#last, bytes: transferredBytes }, transferredBytes)
  }

  #tell(progress: Progress, totalBytes: number | null): void {
    this.#last = progress
    this.#onProgress({ ...progress, totalBytes: totalBytes && Math.max(totalBytes, progress.bytes) })
  }
}
