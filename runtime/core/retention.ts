import { reasonOf } from '../errors.ts'
import type { Journal } from './bus/journal.ts'
import type { Clock } from './clock.ts'

interface RetentionOptions {
  journal: Pick<Journal, 'prune' | 'horizon'>
  /** How long what has happened is kept. */
  keepMs: number
  clock: Clock
  /** Called when it fails; it is repeated. */
  onWarning(message: string): void
}

/** The client that has started a daemon is served first. */
const firstAfterMs = 3000
const everyMs = 86_400_000
/** Between two steps, for other work. */
const pauseMs = 20
/** At most so long at the end of a process; the next one does the rest. */
const onTheWayOutMs = 1000

/** Removes what is older than `keep:` from the journal: once in the life of a process, and daily in a long one. */
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

  /** A process that ends sooner does it now. */
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
