import type { Envelope } from '../../events/envelope.ts'
import type { EventBus } from './bus/bus.ts'
import type { Journal } from './bus/journal.ts'
import type { Registry } from './registry/registry.ts'

/** Who waits for which run to end. */
export class RunEnds {
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>()
  /** How often each stalled run was named. */
  readonly #asked = new Map<string, number>()
  readonly #store: { bus: EventBus; journal: Journal; registry: Registry }
  #failure: Error | undefined

  constructor(store: { bus: EventBus; journal: Journal; registry: Registry }) {
    this.#store = store
  }

  /** @throws What `fail` was told: the run cannot end any more. */
  async wait(runId: string): Promise<void> {
    if (this.#failure) throw this.#failure
    if (this.#store.journal.run(runId)?.end) return
    const waiter = this.#waiting.get(runId) ?? Promise.withResolvers<void>()
    this.#waiting.set(runId, waiter)
    await waiter.promise
  }

  heard(event: Envelope): void {
    if (!event.runid || !this.#store.registry.event(event.type)?.endsRun) return
    this.#waiting.get(event.runid)?.resolve()
    this.#waiting.delete(event.runid)
  }

  fail = (error: Error): void => {
    this.#failure = error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /**
   * Runs that are waited for though nothing of them is owed any more: a function that could not even be given
   * up broke the chain. Each is named twice: `again` when what was done about it has not ended it either.
   */
  stalled(): { runId: string; again: boolean }[] {
    const { bus, registry } = this.#store
    return [...this.#waiting.keys()].flatMap((runId) => {
      const owed = bus.open(runId).some(({ function: name }) => !registry.get(name)?.definition.spec.aside)
      const times = this.#asked.get(runId) ?? 0
      if (owed || times > 1) return []
      this.#asked.set(runId, times + 1)
      return [{ runId, again: times > 0 }]
    })
  }
}
