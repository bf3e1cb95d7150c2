import { onTestFinished } from 'vitest'
import type { Envelope, EventDefinition, InputOf } from '../../../../events/index.ts'
import { catalogue } from '../../../../events/index.ts'
import { chainEnds } from '../../../../runtime/backup/engine/chain-ends.ts'
import { type Config, parseConfig } from '../../../../runtime/config/config.ts'
import type { EventBus } from '../../../../runtime/core/bus/bus.ts'
import type { StoryDelivery } from '../../../../runtime/core/bus/journal.ts'
import { SqliteBus } from '../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../runtime/core/bus/sqlite/database.ts'
import { SqliteJournal } from '../../../../runtime/core/bus/sqlite/journal.ts'
import { Dispatcher, type DispatcherOptions } from '../../../../runtime/core/dispatcher.ts'
import type { FunctionDefinition } from '../../../../runtime/core/function.ts'
import { type Guests, noGuests } from '../../../../runtime/core/guests/guests.ts'
import { rootPublication } from '../../../../runtime/core/publication.ts'
import { createRegistry, type Registry, register } from '../../../../runtime/core/registry/registry.ts'
import type { Host } from '../../../../runtime/host/host.ts'
import { ManualClock } from '../../manual-clock.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

const anyConfig = parseConfig(
  'sources: { usr: { path: /usr, target: disk } }\ntargets: { disk: { path: /mnt/disk } }',
  'test.yaml',
)

interface BenchOptions extends Partial<Pick<DispatcherOptions, 'concurrency' | 'leaseMs' | 'relieve'>> {
  /** Functions that are in the registry of the events alone: what is owed to them has nobody any more. */
  gone?: Record<string, FunctionDefinition>
  /** Puts something between the dispatcher and the bus. */
  between?: (bus: EventBus) => EventBus
  host?: Host
  config?: Config
  /** When a run began; always on the first day unless given. */
  startedAt?: (runId: string) => number
  /** Functions of a user's, with the events of theirs. */
  guests?: Guests
  /** Events that are known beside those of the functions. */
  events?: ReadonlyMap<string, EventDefinition>
}

/** A dispatcher with functions of the test's own, over a real store, on a clock that is moved by hand. */
export class Bench {
  readonly clock = new ManualClock()
  readonly directory = temporaryFolder()
  readonly bus: EventBus
  readonly journal: SqliteJournal
  readonly dispatcher: Dispatcher
  /** Events that were told of, in their order. */
  readonly told: Envelope[] = []
  /** What functions have said. */
  readonly said: string[] = []
  failure: Error | undefined
  readonly #all: Registry
  readonly #options: DispatcherOptions

  constructor(functions: Record<string, FunctionDefinition>, options: BenchOptions = {}) {
    const {
      gone = {},
      between = (bus) => bus,
      host = {} as Host,
      config = anyConfig,
      events,
      startedAt = () => Date.UTC(2026, 0, 1),
      guests,
      ...rest
    } = options
    const database = openDatabase(this.directory)
    const bus = new SqliteBus(database, this.directory)
    onTestFinished(() => bus.close())
    this.bus = between(bus)
    this.journal = new SqliteJournal(database, catalogue)
    const registry = registryOf(functions, events, guests)
    this.#all = registryOf({ ...functions, ...gone }, events, guests)
    this.#options = {
      bus: this.bus,
      registry,
      clock: this.clock,
      context: (delivery, signal) => ({
        host,
        config,
        run: { id: delivery.event.runid ?? '', startedAt: startedAt(delivery.event.runid ?? '') },
        log: {
          info: (message) => void this.said.push(message),
          warn: (message) => void this.said.push(message),
        },
        signal,
        clock: this.clock,
        progress: () => {},
      }),
      ...chainEnds({ registry, clock: this.clock }),
      onEvent: (event) => this.told.push(event),
      onFailure: (error) => {
        this.failure = error
      },
      ...rest,
    }
    this.dispatcher = new Dispatcher(this.#options)
    // Not waited for: a test that failed may have left something in hand.
    onTestFinished(() => void this.dispatcher.stop())
  }

  start(): this {
    this.dispatcher.start()
    return this
  }

  /** Another dispatcher on the same store: what a next start of hdsync has. */
  successor(): Dispatcher {
    const next = new Dispatcher(this.#options)
    onTestFinished(() => void next.stop())
    return next
  }

  /** Puts the first event of a run on the bus. */
  async emit<E extends EventDefinition>(event: E, data: InputOf<E>, runId = 'run1'): Promise<void> {
    await this.dispatcher.publish([rootPublication(this.#all, event, data, { now: this.clock.now(), runId })])
  }

  idle(): Promise<void> {
    return this.dispatcher.idle()
  }

  /** Types of the events on the bus, in their order. */
  types(): string[] {
    return this.bus.events({}).map(({ type }) => type)
  }

  /** What was owed to one function in a run, in the order of the events. */
  deliveries(name: string, runId = 'run1'): StoryDelivery[] {
    return this.journal
      .story(runId)
      .events.flatMap(({ deliveries }) => deliveries)
      .filter((delivery) => delivery.function === name)
  }
}

export function registryOf(
  functions: Record<string, FunctionDefinition>,
  events: ReadonlyMap<string, EventDefinition> = new Map(),
  guests: Guests = noGuests,
): Registry {
  const ours = Object.entries(functions).map(([name, definition]) => register(name, definition))
  return createRegistry([...ours, ...guests.functions], events, guests.failures)
}
