import type { Envelope } from '../../events/envelope.ts'
import type { EventBus } from './bus/bus.ts'
import type { Journal, RunRow } from './bus/journal.ts'
import { type Clock, systemClock } from './clock.ts'
import { isBeside, type Registry } from './registry/registry.ts'

interface RunEndsOptions {
  bus: EventBus
  journal: Journal
  registry: Registry
  clock?: Clock
  /** Whether a run has ended of which no event tells so; when nothing of it is owed any more, unless given. */
  isOver?: (runId: string) => boolean
}

/** What a run owes is counted no more often: there may be a hundred thousand deliveries. */
const countEveryMs = 250

/** Who waits for which run to end. */
export class RunEnds {
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>()
  /** How often each stalled run was named. */
  readonly #asked = new Map<string, number>()
  readonly #options: Required<RunEndsOptions>
  /** Takes back the next look at the runs that are waited for, if there is to be one. */
  #lookNoMore: (() => void) | undefined
  #failure: Error | undefined

  constructor(options: RunEndsOptions) {
    const isOver = (runId: string) => options.bus.open(runId).length === 0
    this.#options = { clock: systemClock, isOver, ...options }
  }

  /** @throws What `fail` was told: the run cannot end any more. */
  async wait(runId: string): Promise<void> {
    if (this.#failure) throw this.#failure
    if (this.has(runId)) return
    const waiter = this.#waiting.get(runId) ?? Promise.withResolvers<void>()
    this.#waiting.set(runId, waiter)
    await waiter.promise
  }

  /** Whether a run has ended. */
  has(runId: string): boolean {
    const { journal, isOver } = this.#options
    const run = journal.run(runId)
    if (run === undefined || run.end !== undefined) return run !== undefined
    return !this.#isEndedByEvent(run) && isOver(run.id)
  }

  heard(event: Envelope): void {
    if (event.runid && this.#options.registry.event(event.type)?.endsRun) this.#resolve(event.runid)
    this.settled()
  }

  /** Something that was owed has come to its end, or something has come that stands for what was owed: to any run. */
  settled(): void {
    if (this.#waiting.size === 0 || this.#lookNoMore) return
    this.#lookNoMore = this.#options.clock.schedule(countEveryMs, () => {
      this.#lookNoMore = undefined
      for (const runId of [...this.#waiting.keys()]) this.look(runId)
    })
  }

  /** Lets those go who wait for a run that has ended. */
  look(runId: string): void {
    if (!this.#waiting.has(runId)) return
    try {
      if (this.has(runId)) this.#resolve(runId)
    } catch {
      // The store is closed, or cannot be read: those who wait are told by `fail`.
    }
  }

  fail = (error: Error): void => {
    this.#failure = error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#rest()
  }

  /**
   * Runs that are waited for although nothing of them is owed: a function whose `giveUp` failed broke the chain. Each is
   * named twice; `again` when the first answer has not ended it.
   */
  stalled(): { runId: string; again: boolean }[] {
    const { bus, registry, journal } = this.#options
    return [...this.#waiting.keys()].flatMap((runId) => {
      const owed = bus.open(runId).some(({ function: name }) => !isBeside(registry.get(name)))
      const times = this.#asked.get(runId) ?? 0
      if (owed || times > 1) return []
      const run = journal.run(runId)
      if (run && !this.#isEndedByEvent(run)) {
        this.look(runId)
        return []
      }
      this.#asked.set(runId, times + 1)
      return [{ runId, again: times > 0 }]
    })
  }

  #isEndedByEvent({ kind }: RunRow): boolean {
    const { registry } = this.#options
    return (registry.event(`${kind}.start`) ?? registry.event(kind))?.startsRun ?? false
  }

  #resolve(runId: string): void {
    this.#waiting.get(runId)?.resolve()
    this.#waiting.delete(runId)
    if (this.#waiting.size === 0) this.#rest()
  }

  /** A look that is still to come would keep the process from its end. */
  #rest(): void {
    this.#lookNoMore?.()
    this.#lookNoMore = undefined
  }
}
