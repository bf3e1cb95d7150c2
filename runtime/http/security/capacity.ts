import { Problem } from '../problem.ts'

/** How much may go on at the same time, so that memory has a bound whatever is asked of hdsync. */
export class Capacity {
  readonly #most: number
  readonly #what: string
  #inside = 0

  /** @param what Names what there is too much of, for the message. */
  constructor(most: number, what: string) {
    this.#most = most
    this.#what = what
  }

  /** @returns Gives the place back, once. @throws {Problem} There is none left. */
  enter(): () => void {
    if (this.#inside >= this.#most) {
      const detail = `${this.#inside} ${this.#what} are enough at a time: try again in a moment`
      throw new Problem('busy', detail, { headers: { 'retry-after': '1' } })
    }
    this.#inside += 1
    let left = false
    return () => {
      if (left) return
      left = true
      this.#inside -= 1
    }
  }
}
