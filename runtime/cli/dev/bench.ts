import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Envelope } from '../../../events/index.ts'
import { type LoadedRegistry, loadFunctions } from '../../backup/load-functions.ts'
import { envelopeFor, rehearse } from '../../backup/rehearsal.ts'
import type { Config } from '../../config/config.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { openDatabase } from '../../core/bus/sqlite/database.ts'
import { failureText } from '../../core/guests/failure-text.ts'
import { createHost } from '../../host/host.ts'
import { shellQuote } from '../../shell-quote.ts'
import { type Painter, printable } from '../format.ts'
import { endLines } from '../view/rehearsal-text.ts'
import type { GivenEvent } from './given-events.ts'

/** So many deliveries follow from one event at most. */
const mostDeliveries = 100

export interface BenchOptions {
  config: Config
  /** Whether what functions do is done. */
  execute: boolean
  paint: Painter
  print(line: string): void
}

/** The user's functions, and a store of their own that is gone at the end: what an author tries, touches nothing else. */
export class Bench {
  readonly #options: BenchOptions
  readonly #folder = mkdtempSync(join(tmpdir(), 'hdsync-dev-'))
  readonly #bus = new SqliteBus(openDatabase(this.#folder), this.#folder)
  #registry: LoadedRegistry | undefined

  constructor(options: BenchOptions) {
    this.#options = options
  }

  /** The functions as they are now. */
  get registry(): LoadedRegistry {
    if (!this.#registry) throw new Error('nothing is loaded yet')
    return this.#registry
  }

  /** Loads the functions, those that have changed anew, and tells what is left out. */
  async load(): Promise<void> {
    const { config, execute, paint, print } = this.#options
    const { functions, guests } = config
    const earlier = this.#registry
    this.#registry = await loadFunctions({ functions, guests, state: this.#folder }, { isDry: !execute })
    earlier?.close()
    const own = this.#own()
    print(
      `${own.length} function${own.length === 1 ? '' : 's'} in ${functions}${own.length > 0 ? `: ${own.map(({ name }) => name).join(', ')}` : ''}`,
    )
    for (const failure of this.#registry.failures) print(paint.red(failureText(failure)))
  }

  /**
   * Delivers an event to each function of the user's that handles it, and what they emit to those that handle that.
   * @returns Whether all ended well.
   */
  async deliver({ event, history }: GivenEvent): Promise<boolean> {
    const { paint, print } = this.#options
    await this.#note([...history, event])
    let ok = true
    let deliveries = 0
    const waiting: [event: Envelope, depth: number][] = [[event, 0]]
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [one, depth] = next
      const indent = '  '.repeat(depth)
      print(`${indent}${paint.bold(one.type)} ${printable(JSON.stringify(one.data))}`)
      const handlers = this.registry.handlersOf(one.type)
      const own = handlers.filter((handler) => handler.guest && !handler.isAbsent)
      const rest = handlers.filter(({ guest }) => !guest).map(({ name }) => name)
      if (own.length === 0) {
        const note = rest.length > 0 ? `: ${rest.join(', ')} of hdsync's would be next` : ''
        print(`${indent}  no function of yours handles it${note}`)
      }
      for (const handler of own) {
        if (++deliveries > mostDeliveries) {
          print(
            paint.red(`stopped after ${mostDeliveries} deliveries: does a chain of functions feed itself?`),
          )
          return false
        }
        const { good, emitted } = await this.#deliverTo(handler.name, one, `${indent}  `)
        ok &&= good
        waiting.unshift(...emitted.map((follower): [Envelope, number] => [follower, depth + 1]))
      }
    }
    return ok
  }

  /** Ends what is going on, and removes the store. */
  close(): void {
    this.#registry?.close()
    this.#bus.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #own() {
    return this.#registry?.functions.filter(({ guest, isAbsent }) => guest && !isAbsent) ?? []
  }

  async #deliverTo(name: string, event: Envelope, indent: string) {
    const { config, execute, paint, print } = this.#options
    const target = this.registry.get(name)
    if (!target) return { good: true, emitted: [] }
    print(`${indent}${name}`)
    const tell = (line: string) => print(`${indent}  ${printable(line)}`)
    const result = await rehearse(target, event, {
      config: { ...config, state: this.#folder },
      bus: this.#bus,
      runtimeDirectory: join(this.#folder, 'run'),
      quote: shellQuote,
      onLine: tell,
      ...(execute && { host: createHost }),
    })
    for (const line of endLines(result, paint)) print(`${indent}  ${line}`)
    const emitted = result.emitted.flatMap(({ type, data, attempt }) => {
      const definition = this.registry.event(type)
      const { runid } = event
      return definition
        ? { ...envelopeFor(definition, data as never, attempt), ...(runid && { runid }), parentid: event.id }
        : []
    })
    await this.#note(emitted)
    return { good: result.outcome === 'done', emitted }
  }

  /** Functions find it when they look up what came before. */
  async #note(events: readonly Envelope[]): Promise<void> {
    await this.#bus.publish(events.map((event) => ({ event, deliveries: [] })))
  }
}
