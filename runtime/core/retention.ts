import { reasonOf } from '../errors.ts'
import type { Journal } from './bus/journal.ts'
import type { Clock } from './clock.ts'

interface RetentionOptions {
  journal: Pick<Journal, 'prune' | 'horizon'>
  /** How long what has happened is kept. */
  keepMs: number
  clock: Clock
  /** Nothing depends on it: why it could not be done is said, and it is tried again. */
  onWarning(message: string): void
}

/** Whoever has woken a daemon is waiting to be served. */
const firstAfterMs = 3000
const everyMs = 86_400_000
/** Between two steps others have their turn. */
const pauseMs = 20
/** For so long a process that ends goes on with it; the next one does the rest. */
const onTheWayOutMs = 1000

/** Has the journal forget what is older than it is to be kept, once in the life of every process, and daily in a long one. */
export class Retention {
  readonly #options: RetentionOptions
  #clearTimer = () => {}
  #isDue = false

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  start(): void {
    this.#isDue = true
    this.#schedule(firstAfterMs)
  }

  /** A process that is gone sooner does it on its way out. */
  stop(): void {
    this.#clearTimer()
    const endsAt = performance.now() + onTheWayOutMs
    while (this.#isDue && performance.now() < endsAt) this.#isDue = this.#prune()
  }

  #schedule(delayMs: number): void {
    this.#clearTimer = this.#options.clock.schedule(delayMs, () => {
      this.#isDue = this.#prune()
      this.#schedule(this.#isDue ? pauseMs : everyMs)
    })
  }

  /** One step. @returns Whether there is more to be done. */
  #prune(): boolean {
    const { journal, keepMs, clock, onWarning } = this.#options
    try {
      const horizon = journal.horizon(keepMs)
      if (horizon === undefined) return false
      return journal.prune(Math.min(clock.now() - keepMs, horizon)).more
    } catch (error) {
      onWarning(`what is older than \`keep:\` could not be removed from the journal: ${reasonOf(error)}`)
      return false
    }
  }
}
