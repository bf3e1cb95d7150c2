import type { EventBus } from './bus/bus.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { RunEnds } from './run-ends.ts'

interface QueueOptions {
  bus: EventBus
  dispatcher: Dispatcher
  ends: RunEnds
  clock?: Clock
}

/**
 * Begins runs one after the other, in the order in which they were asked for. A run that waits is held back on the bus, so
 * that a crash forgets none.
 */
export class RunQueue {
  readonly #options: QueueOptions
  #open = false
  #going = false
  #current: string | undefined
  #clearTimer = () => {}

  constructor(options: QueueOptions) {
    this.#options = options
  }

  /** The run that is going on. */
  get current(): string | undefined {
    return this.#current
  }

  open(): void {
    this.#open = true
    this.advance()
  }

  /** No further run begins; the one that is going on is not touched. */
  close(): void {
    this.#open = false
    this.#clearTimer()
  }

  /** Begins the next run if none is going on. */
  advance(): void {
    if (this.#going || !this.#open) return
    this.#going = true
    this.#drain()
      // `ends` tells the error to whoever waits for a run.
      .catch(() => {})
      .finally(() => {
        this.#going = false
      })
  }

  /** The run whose turn it is. One that is to begin later has a timer. @param now Not before this moment. */
  #next(now = 0): string | undefined {
    const { bus, clock = systemClock } = this.#options
    const at = Math.max(clock.now(), now)
    const later = bus.ripen(at)
    this.#clearTimer()
    if (later !== undefined && this.#open) {
      // The clock may be set back meanwhile: what the timer was set for is due when it fires.
      this.#clearTimer = clock.schedule(later - at, () => {
        this.#next(later)
        this.advance()
      })
    }
    return bus.heldRun()
  }

  async #drain(): Promise<void> {
    const { bus, dispatcher, ends } = this.#options
    for (let run = this.#next(); run && this.#open; run = this.#next()) {
      this.#current = run
      try {
        const ended = ends.wait(run)
        await bus.expedite(run)
        dispatcher.wake()
        await ended
      } finally {
        this.#current = undefined
      }
    }
  }
}
