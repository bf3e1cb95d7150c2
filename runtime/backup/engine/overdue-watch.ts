import { type RunResult, runEnds, runOverdue } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus, Publication } from '../../core/bus/bus.ts'
import type { Clock } from '../../core/clock.ts'
import { factPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { isoOf } from '../../instant.ts'
import { decideOverdue, type SourceRecord } from '../overdue.ts'

interface WatchOptions {
  config: Pick<Config, 'sources' | 'alert'>
  bus: EventBus
  registry: Registry
  clock: Clock
  publish(publications: readonly Publication[]): Promise<unknown>
  /** When each of these sources was first in the config, in milliseconds since the epoch. */
  firstSeen(sources: readonly string[]): ReadonlyMap<string, number>
}

/** Runs that are searched for the last success of a source. */
const runsLookedAt = 2000

/** Checked at least so often, as the clock may be set and the machine may sleep. */
const longestPauseMs = 3_600_000
const shortestPauseMs = 1000

/** Reports sources that have had no success for too long, as long as this process lives. */
export class OverdueWatch {
  readonly #options: WatchOptions
  #stopped = false
  #clearTimer = () => {}

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** When the next source becomes overdue, if it does not succeed before. */
  get nextAt(): number | undefined {
    const { config, clock } = this.#options
    return decideOverdue(this.#records(), config.alert.after, clock.now()).nextAt
  }

  /** Reports sources that are overdue, and sets a timer for the next check. Never throws. */
  async look(): Promise<void> {
    const { config, registry, clock, publish } = this.#options
    const now = clock.now()
    let pauseMs = longestPauseMs
    try {
      const { overdue, nextAt = Infinity } = decideOverdue(this.#records(), config.alert.after, now)
      const facts = overdue.map(({ source, lastSuccessAt, firstSeenAt }) =>
        factPublication(
          registry,
          runOverdue,
          {
            source,
            lastSuccessAt: lastSuccessAt === undefined ? null : isoOf(lastSuccessAt),
            firstSeenAt: isoOf(firstSeenAt),
            allowedMs: config.alert.after,
          },
          now,
        ),
      )
      if (facts.length > 0) await publish(facts)
      pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, nextAt - now))
    } catch {
      // Others report a store that cannot be written; here it is repeated later.
    }
    if (!this.#stopped) this.#clearTimer = clock.schedule(pauseMs, () => void this.look())
  }

  stop(): void {
    this.#stopped = true
    this.#clearTimer()
  }

  #records(): SourceRecord[] {
    const { config, bus, firstSeen, clock } = this.#options
    const sources = Object.keys(config.sources)
    const successes = this.#successes()
    const seen = firstSeen(sources)
    return sources.map((source) => {
      const filter = { types: [runOverdue.type], subject: source, newestFirst: true, limit: 1 }
      const told = bus.events(filter)[0]
      return {
        source,
        firstSeenAt: seen.get(source) ?? clock.now(),
        lastSuccessAt: successes.get(source),
        toldAt: told && Date.parse(told.time),
      }
    })
  }

  /** When each source last succeeded: a mirror with warnings is one, a mirror without its archive is not. */
  #successes(): Map<string, number> {
    const ends = this.#options.bus.events({
      types: runEnds.map(({ type }) => type),
      newestFirst: true,
      limit: runsLookedAt,
    })
    const found = new Map<string, number>()
    for (const { time, data } of ends) {
      for (const { source, state } of (data as RunResult).sources) {
        if ((state === 'succeeded' || state === 'degraded') && !found.has(source)) {
          found.set(source, Date.parse(time))
        }
      }
    }
    return found
  }
}
