/** What the test of a function of one's own imports: `import { rehearse } from 'hdsync/testing'`. */
import type { EventDefinition, InputOf } from '../events/index.ts'
import { envelopeFor, type Rehearsal, rehearse as rehearseFunction } from './backup/rehearsal.ts'
import { parseConfig } from './config/config.ts'
import { SqliteBus } from './core/bus/sqlite/bus.ts'
import { inMemory, openDatabase } from './core/bus/sqlite/database.ts'
import type { FunctionDefinition } from './core/function.ts'
import { withoutEffects } from './core/guests/effects.ts'
import { register } from './core/registry/registry.ts'
import type { FetchRequest, FetchResponse } from './host/fetch.ts'

export type { Rehearsal } from './backup/rehearsal.ts'

export interface RehearseOptions {
  /** The trial that the event belongs to; 1 unless given. */
  attempt?: number
  /** A config as in hdsync.yaml; one with the sources `var` (a volume) and `home` (a folder) unless given. */
  config?: string
  /**
   * What a program prints, or a session answers to what was said last; an empty line unless given. Where it throws,
   * the program fails.
   */
  answer?: (command: readonly string[], said: string) => string
  /** What an earlier attempt has done by `once`, and what came of it; nothing unless given. */
  once?: Readonly<Record<string, unknown>>
  /** What a server answers to `host.fetch`: 200 and nothing unless given. Where it throws, there is no answer. */
  respond?: (url: string, request: FetchRequest) => Partial<FetchResponse>
}

const sample = `
sources:
  var: { lv: vg01/lv_var, target: disk }
  home: { path: /home, target: disk }
targets: { disk: { path: /mnt/disk } }
`

/** An event that came before, in the same run; with `run` in another one. */
export interface PastEvent<E extends EventDefinition = EventDefinition> {
  on: E
  data: InputOf<E>
  attempt?: number
  run?: string
}

/** The event that a function is run with, and what came before it, the oldest first. */
export interface Rehearsed<E extends EventDefinition> extends RehearseOptions {
  on: E
  data: InputOf<E>
  events?: readonly PastEvent[]
}

/**
 * Runs a function with an event, and tells what it did. Nothing is executed, and nothing is put on a bus. What the
 * function looks up of earlier events are those of `events`. A plain `fetch` and writes by `node:fs` are refused in it.
 * @example
 * const { story, outcome } = await rehearse(lockDatabase, snapshotBefore, { source: 'var' })
 * const { emitted } = await rehearse(join, { on: partDone, data: { n: 2 }, events: [{ on: partDone, data: { n: 1 } }] })
 */
export function rehearse<E extends EventDefinition>(
  definition: FunctionDefinition,
  rehearsed: Rehearsed<E>,
): Promise<Rehearsal>
export function rehearse<E extends EventDefinition>(
  definition: FunctionDefinition,
  event: E,
  data: InputOf<E>,
  options?: RehearseOptions,
): Promise<Rehearsal>
export async function rehearse<E extends EventDefinition>(
  definition: FunctionDefinition,
  first: E | Rehearsed<E>,
  data?: InputOf<E>,
  options: RehearseOptions = {},
): Promise<Rehearsal> {
  const wish = 'on' in first ? first : { on: first, data: data as InputOf<E>, ...options }
  const {
    on,
    events = [],
    attempt = 1,
    config = sample,
    answer = () => '',
    respond = () => ({}),
    once,
  } = wish
  const event = envelopeFor(on, wish.data, attempt)
  const bus = new SqliteBus(openDatabase(inMemory), inMemory)
  const past = events.map((one) => ({
    ...envelopeFor(one.on, one.data as never, one.attempt),
    runid: one.run ?? event.runid ?? '',
  }))
  await bus.publish([...past, event].map((one) => ({ event: one, deliveries: [] })))
  try {
    return await rehearseFunction(register('function', quiet(definition)), event, {
      config: parseConfig(config, 'hdsync.yaml'),
      runtimeDirectory: '/run/hdsync/STORE',
      bus,
      once,
      adapt: (host) => ({
        ...host,
        async fetch(url, request = {}) {
          const usual = await host.fetch(url, request)
          const response = { ...usual, ...respond(url, request) }
          return { ...response, ok: response.status >= 200 && response.status < 300 }
        },
        async program(command) {
          const result = await host.program(command)
          return { ...result, stdout: answer(command.argv, command.input ?? '') }
        },
        session(command) {
          const session = host.session(command)
          let last = ''
          return {
            ...session,
            say(line) {
              last = line
              session.say(line)
            },
            hear: async () => answer(command.argv, last),
          }
        },
      }),
    })
  } finally {
    bus.close()
  }
}

/** A function that cannot do what it does without `host`. */
function quiet(definition: FunctionDefinition): FunctionDefinition {
  const { spec } = definition
  const run: typeof spec.run = (...args) => withoutEffects(() => spec.run(...args), { programs: false })
  return { ...definition, spec: { ...spec, run } }
}
