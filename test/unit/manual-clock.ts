import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../runtime/core/clock.ts'

interface Timer {
  at: number
  callback: () => void
}

/** A clock that stands still until it is moved. It begins at 2026-01-01, a Thursday. */
export class ManualClock implements Clock {
  #now: number
  #timers: Timer[] = []

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, delayMs), callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** How much is still to come. */
  get scheduled(): number {
    return this.#timers.length
  }

  /** Moves on once what is ready has run: what falls due is called in its order, each when the one before has had its effect. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await turns()
    for (let timer = this.#next(end); timer; timer = this.#next(end)) {
      this.#now = timer.at
      this.#timers = this.#timers.filter((other) => other !== timer)
      timer.callback()
      await turns()
    }
    this.#now = end
  }

  /** Changes what it shows, as an administrator does: what was scheduled comes after as long as it would have. */
  set(byMs: number): void {
    this.#now += byMs
    this.#timers = this.#timers.map((timer) => Object.assign(timer, { at: timer.at + byMs }))
  }

  #next(end: number): Timer | undefined {
    return this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
  }
}

/** Lets what is ready in the event loop run, and what it makes ready. */
export async function turns(count = 5): Promise<void> {
  for (let made = 0; made < count; made++) await turn()
}
