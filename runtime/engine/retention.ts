import type { Journal } from '../bus/journal.ts'
import { reasonOf } from '../errors.ts'
import type { Clock } from './clock.ts'

interface RetentionOptions {
  journal: Pick<Journal, 'prune'>
  /** How long what has happened is kept. */
  keepMs: number
  clock: Clock
  /** Nothing depends on it: why it could not be done is said, and it is tried again. */
  onWarning(message: string): void
}

/** Whoever has woken a daemon is waiting to be served. */
const firstAfterMs = 3000
const everyMs = 86_400_000

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
    if (this.#isDue) this.#prune()
  }

  #schedule(delayMs: number): void {
    this.#clearTimer = this.#options.clock.schedule(delayMs, () => {
      this.#prune()
      this.#schedule(everyMs)
    })
  }

  #prune(): void {
    const { journal, keepMs, clock, onWarning } = this.#options
    this.#isDue = false
    try {
      journal.prune(clock.now() - keepMs)
    } catch (error) {
      onWarning(`what is older than \`keep:\` could not be removed from the journal: ${reasonOf(error)}`)
    }
  }
}
