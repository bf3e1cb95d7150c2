import type { EventBus } from './bus/bus.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { RunEnds } from './run-ends.ts'

interface QueueOptions {
  bus: EventBus
  dispatcher: Dispatcher
  ends: RunEnds
  clock?: Clock
  /** Until when a run is put off whose turn has come: others have theirs meanwhile. Undefined where it begins. */
  putOff?: (run: string) => number | undefined
}

/**
 * Begins runs one after the other, in the order in which they were asked for. A run that waits is held back on the bus, so
 * that a crash forgets none.
 */
export class RunQueue {
  readonly #options: QueueOptions
  #open = false
  #going = false
  #isLent = false
  readonly #borrowers: ((giveBack: () => void) => void)[] = []
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

  /** Whether somebody has the turn that no run is. */
  get isLent(): boolean {
    return this.#isLent
  }

  /**
   * Waits until no run is going on; none begins until the turn is given back. Then a run that waits comes before the next one
   * who asks.
   * @returns Gives it back; safe to repeat.
   */
  lend(): Promise<() => void> {
    return new Promise((resolve) => {
      this.#borrowers.push(resolve)
      this.#grant()
    })
  }

  #grant(): void {
    if (this.#going || this.#isLent) return
    const granted = this.#borrowers.shift()
    if (!granted) return
    this.#isLent = true
    let isBack = false
    granted(() => {
      if (isBack) return
      isBack = true
      this.#isLent = false
      this.advance()
      this.#grant()
    })
  }

  /** Begins the next run if none is going on. */
  advance(): void {
    if (this.#going || !this.#open || this.#isLent) return
    this.#going = true
    this.#drain()
      // `ends` tells the error to whoever waits for a run.
      .catch(() => {})
      .finally(() => {
        this.#going = false
        this.#grant()
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
    const { bus, dispatcher, ends, putOff } = this.#options
    for (let run = this.#next(); run && this.#open; run = this.#next()) {
      const until = putOff?.(run)
      if (until !== undefined) {
        await bus.holdBack(run, until)
        continue
      }
      this.#current = run
      try {
        const ended = ends.wait(run)
        await bus.expedite(run)
        dispatcher.wake()
        await ended
      } finally {
        this.#current = undefined
      }
      if (this.#borrowers.length > 0) return
    }
  }
}
