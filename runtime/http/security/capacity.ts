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
    return once(() => {
      this.#inside -= 1
    })
  }

  get isUnused(): boolean {
    return this.#inside === 0
  }
}

/** The same, of which nobody may have more than a share. */
export class SharedCapacity {
  readonly #all: Capacity
  readonly #mostEach: number
  readonly #each = new Map<number, Capacity>()

  constructor(most: number, mostEach: number, what: string) {
    this.#all = new Capacity(most, what)
    this.#mostEach = mostEach
  }

  /** @param who A number that tells askers apart. @returns As Capacity. @throws {Problem} There is no place left, or none for them. */
  enter(who: number): () => void {
    const own = this.#each.get(who) ?? new Capacity(this.#mostEach, 'of one user')
    const leaveOwn = own.enter()
    try {
      const leave = this.#all.enter()
      this.#each.set(who, own)
      return once(() => {
        leave()
        leaveOwn()
        if (own.isUnused) this.#each.delete(who)
      })
    } catch (error) {
      leaveOwn()
      throw error
    }
  }
}

function once(end: () => void): () => void {
  let isOver = false
  return () => {
    if (isOver) return
    isOver = true
    end()
  }
}
