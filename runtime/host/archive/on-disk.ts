/**
 * How much of a file is on the disk while it is still being written: what its writer tells, for whoever reads it back
 * meanwhile.
 */
export class OnDisk {
  #bytes = 0
  #isWhole = false
  #failure: unknown
  #changed = Promise.withResolvers<void>()

  /** All before `bytes` is on the disk; with `isWhole`, nothing will come after. */
  advance(bytes: number, isWhole = false): void {
    this.#bytes = bytes
    this.#isWhole = isWhole
    this.#tell()
  }

  /** It will never be whole. */
  fail(error: unknown): void {
    if (this.#isWhole) return
    this.#failure = error
    this.#tell()
  }

  /** Waits until there is more than that, or all. @throws What has made its writer fail. */
  async beyond(bytes: number): Promise<{ bytes: number; isWhole: boolean }> {
    while (this.#bytes <= bytes && !this.#isWhole && this.#failure === undefined) await this.#changed.promise
    if (this.#failure !== undefined) throw this.#failure
    return { bytes: this.#bytes, isWhole: this.#isWhole }
  }

  /** Waits until all of it is there. @throws As `beyond`. */
  whole(): Promise<{ bytes: number; isWhole: boolean }> {
    return this.beyond(Number.POSITIVE_INFINITY)
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}
