import type { EventBus } from './bus/bus.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { RunEnds } from './run-ends.ts'

interface QueueOptions {
  bus: EventBus
  dispatcher: Dispatcher
  ends: RunEnds
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

  async #drain(): Promise<void> {
    const { bus, dispatcher, ends } = this.#options
    for (let run = bus.heldRun(); run && this.#open; run = bus.heldRun()) {
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
