import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { defineEvent } from '../../../../events/define.ts'
import { SqliteBus } from '../../../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../../../runtime/core/bus/sqlite/database.ts'
import { SqliteJournal } from '../../../../runtime/core/bus/sqlite/journal.ts'
import { Dispatcher } from '../../../../runtime/core/dispatcher.ts'
import { defineFunction } from '../../../../runtime/core/function.ts'
import { Intake, publicationOf } from '../../../../runtime/core/intake.ts'
import { createRegistry, register } from '../../../../runtime/core/registry/registry.ts'
import { RunEnds } from '../../../../runtime/core/run-ends.ts'
import { RunQueue } from '../../../../runtime/core/run-queue.ts'
import { ManualClock } from '../../manual-clock.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

// A catalogue of three events that has nothing to do with backups: somebody asks for tea, water is boiled, tea is served.

const tea = z.strictObject({ guest: z.string() })

export const teaStart = defineEvent('tea.start', tea, {
  triggerable: true,
  startsRun: true,
  subject: 'guest',
})
export const waterBoil = defineEvent('water.boil', tea, { subject: 'guest' })
export const teaServed = defineEvent('tea.served', tea.extend({ cold: z.boolean() }), {
  external: true,
  endsRun: true,
  subject: 'guest',
  kept: { per: ['guest'], where: { key: 'guest', in: ['queen'] } },
})

/** The core over a real store: no backup, no host, no config. */
export class TeaRoom {
  readonly clock = new ManualClock()
  readonly journal: SqliteJournal
  readonly dispatcher: Dispatcher
  readonly queue: RunQueue
  readonly ends: RunEnds
  /** Events that were told of, as `TYPE GUEST`. */
  readonly told: string[] = []
  /** Whose water does not boil, and what then happens. */
  readonly trouble = new Map<string, () => Promise<void> | void>()
  readonly #registry
  readonly #intake

  constructor() {
    const directory = temporaryFolder()
    const catalogue = new Map([teaStart, waterBoil, teaServed].map((event) => [event.type, event]))
    const database = openDatabase(directory)
    const bus = new SqliteBus(database, directory)
    const { trouble, clock } = this
    const serve = defineFunction<typeof waterBoil, readonly [typeof teaServed], unknown, unknown>({
      on: waterBoil,
      emits: [teaServed],
      retry: { limit: 2 },
      async run({ data }, { emit }) {
        await trouble.get(data.guest)?.()
        emit(teaServed, { ...data, cold: false })
      },
      giveUp: ({ data }, { emit }) => emit(teaServed, { ...data, cold: true }),
    })
    const boil = defineFunction<typeof teaStart, readonly [typeof waterBoil], unknown, unknown>({
      on: teaStart,
      emits: [waterBoil],
      run: ({ data }, { emit }) => emit(waterBoil, data),
    })
    const registry = createRegistry([register('boil', boil), register('serve', serve)], catalogue)
    this.#registry = registry
    this.journal = new SqliteJournal(database, catalogue)
    this.ends = new RunEnds({ bus, journal: this.journal, registry, clock })
    this.dispatcher = new Dispatcher({
      bus,
      registry,
      clock,
      context: ({ event }, signal) => ({
        host: undefined,
        config: undefined,
        run: { id: event.runid ?? '', startedAt: clock.now() },
        log: { info: () => {}, warn: () => {} },
        signal,
        clock,
        progress: () => {},
      }),
      onEvent: (event) => {
        this.told.push(`${event.type} ${event.subject}`)
        this.ends.heard(event)
      },
      onFailure: (error) => this.ends.fail(error),
    })
    this.queue = new RunQueue({ bus, dispatcher: this.dispatcher, ends: this.ends })
    this.#intake = new Intake((publications) => this.dispatcher.publish(publications))
    onTestFinished(async () => {
      await this.dispatcher.stop()
      bus.close()
    })
    this.dispatcher.start()
    this.queue.open()
  }

  /** Asks for tea. @returns The run's id. */
  async order(guest: string): Promise<string> {
    const wish = { type: teaStart.type, data: { guest } }
    const publication = publicationOf(wish, this.#registry, { now: this.clock.now() })
    await this.#intake.put(publication)
    this.queue.advance()
    return publication.event.runid ?? ''
  }

  /** Asks for tea, and waits until it is served. */
  async serve(guest: string): Promise<string> {
    const run = await this.order(guest)
    await this.ends.wait(run)
    return run
  }

  /** How a run ended, if it is known and has. */
  endOf(run: string): unknown {
    return this.journal.run(run)?.end?.data
  }
}
