import type { Envelope, EventDefinition, InputOf } from '../../events/index.ts'
import type { Config } from '../config/config.ts'
import { dueAt, type EventBus, type Publication } from '../core/bus/bus.ts'
import { SqliteBus } from '../core/bus/sqlite/bus.ts'
import { inMemory, openDatabase } from '../core/bus/sqlite/database.ts'
import { systemClock } from '../core/clock.ts'
import { keptInMemory } from '../core/once.ts'
import { rootPublication } from '../core/publication.ts'
import { noneDisabled } from '../core/registry/disabled.ts'
import type { RegisteredFunction, Registry } from '../core/registry/registry.ts'
import { work } from '../core/worker.ts'
import type { FetchRequest } from '../host/fetch.ts'
import type { Host, HostOptions } from '../host/host.ts'
import { createPlanner, type PlannedStep } from '../host/planning.ts'
import { chainEnds } from './engine/chain-ends.ts'

/** What a function did that was run by itself, without a bus. */
export interface Rehearsal {
  /** `retry`: the bus would attempt it again. */
  outcome: 'done' | 'retry' | 'dead' | 'cancelled'
  error: string | null
  /** What would be put on the bus. */
  emitted: { type: string; attempt: number; data: unknown }[]
  /** Runs that it would start. */
  started: { type: string; data: unknown; delayMs: number; key: string | null }[]
  /** What it ran, or would run, in its order. */
  steps: PlannedStep[]
  /** What it asked of servers by `host.fetch`. */
  fetched: ({ url: string } & FetchRequest)[]
  log: { level: 'info' | 'warn'; message: string }[]
  /** All of that in its order, a line each. */
  story: string[]
}

export interface RehearsalOptions {
  config: Config
  /** Where the function looks up what happened before; nothing did unless given. */
  bus?: EventBus
  store?: string
  runtimeDirectory: string
  /** Makes the box; one that only writes down what would be done unless given. */
  host?: (options: HostOptions) => Host
  /** Changes the box that the function sees. */
  adapt?: (host: Host, tell: (line: string) => void) => Host
  /** What an earlier attempt has done by `once`, and what came of it; nothing unless given. */
  once?: Readonly<Record<string, unknown>> | undefined
  /** Told of each line of the story as it happens. */
  onLine?: (line: string) => void
  /** How a command is written in the story; its words one after the other unless given. */
  quote?: (argv: readonly string[]) => string
  signal?: AbortSignal
}

/**
 * Runs one function with one event, and puts nothing on the bus. Unless a real box is given, every command is
 * written down instead of being run, and everything goes well.
 */
export async function rehearse(
  target: RegisteredFunction,
  event: Envelope,
  options: RehearsalOptions,
): Promise<Rehearsal> {
  const { config, store = 'STORE', runtimeDirectory, signal = new AbortController().signal } = options
  const { quote = (argv) => argv.join(' ') } = options
  const steps: PlannedStep[] = []
  const fetched: Rehearsal['fetched'] = []
  const log: Rehearsal['log'] = []
  const story: string[] = []
  const tell = (line: string) => {
    story.push(line)
    options.onLine?.(line)
  }
  const step = (one: PlannedStep) => {
    steps.push(one)
    tell(`$ ${one.argvs.map(quote).join(' | ')}${one.file ? ` > ${one.file}` : ''}`)
  }
  const makeHost = options.host ?? createPlanner(step)
  const line = (level: 'info' | 'warn') => (message: string) => {
    log.push({ level, message })
    tell(`${level}: ${message}`)
  }
  const bus = options.bus ?? new SqliteBus(openDatabase(inMemory), inMemory)
  const registry = aloneWith(target)
  const settlement = await work(
    { id: 0, token: '', tries: 1, generation: 0, lane: 'chain', function: target.name, event },
    target,
    new AbortController(),
    {
      bus,
      clock: systemClock,
      registry,
      deadLetters: chainEnds({ registry, clock: systemClock }).deadLetters,
      gates: {
        visit: () => ({
          signal,
          context: {
            async snapshotTaken() {
              tell('(the snapshot is taken)')
              return true
            },
          },
          enter: () => {},
          mayRetry: () => true,
          leave: (settlement) => settlement,
        }),
        chain: () => ({
          exist: () => false,
          settled: async () => {},
          open: () => ({ ready: async () => undefined, close: async () => undefined }),
          judges: () => [],
          verdict: async () => ({ by: [], problem: undefined }),
        }),
      },
      context: (_, signal) => {
        const observer = {
          started: (argv: readonly string[]) => {
            // The planner has told of its commands already.
            if (options.host) step({ argvs: [argv] })
            return 0
          },
          ended: () => {},
        }
        const host = talkative(
          makeHost({ observer, signal, store, runtimeDirectory, stateDirectory: config.state }),
          tell,
          fetched,
        )
        return {
          host: options.adapt?.(host, tell) ?? host,
          config,
          run: { id: event.runid ?? '', startedAt: Date.parse(event.time) },
          log: { info: line('info'), warn: line('warn') },
          signal,
          clock: systemClock,
          kept: keptInMemory(options.once),
          progress: () => {},
        }
      },
    },
  )
  if (!options.bus) bus.close()
  const isStart = (one: Publication) => one.event.runid !== event.runid
  const publications = settlement.outcome === 'retry' ? [] : settlement.publications
  return {
    // It has no key that would have to be computed first.
    outcome: settlement.outcome as Rehearsal['outcome'],
    error: settlement.attempt.error ?? null,
    emitted: publications
      .filter((one) => !isStart(one))
      .map(({ event: { type, attempt, data } }) => ({ type, attempt, data })),
    started: publications.filter(isStart).map(({ event: { type, data, time }, deliveries, dedupe }) => {
      const at = dueAt(deliveries[0]?.runAt ?? 0) ?? 0
      return { type, data, delayMs: Math.max(0, at - Date.parse(time)), key: dedupe?.key ?? null }
    }),
    steps,
    fetched,
    log,
    story,
  }
}

/** The envelope of an event that has not been on any bus. @throws {TerminalError} The data does not fit. */
export function envelopeFor<E extends EventDefinition>(event: E, data: InputOf<E>, attempt = 1): Envelope {
  const registry = { handlersOf: () => [] as readonly RegisteredFunction[] } as unknown as Registry
  return { ...rootPublication(registry, event, data, { now: Date.now() }).event, attempt }
}

/** Adds to the story what is said to a session, and what is asked of servers. */
function talkative(host: Host, tell: (line: string) => void, fetched: Rehearsal['fetched']): Host {
  return {
    ...host,
    fetch(url, request = {}) {
      const { method = 'GET', body } = request
      fetched.push({ url, ...request })
      tell(`fetch ${method} ${url}${body === undefined ? '' : ` ${body}`}`)
      return host.fetch(url, request)
    },
    session(command) {
      const session = host.session(command)
      return {
        ...session,
        say(line) {
          tell(`> ${line}`)
          session.say(line)
        },
      }
    },
  }
}

/** A registry in which the function alone takes all there is: how long a start would wait is read from what is owed. */
function aloneWith(target: RegisteredFunction): Registry {
  const events = new Map([...target.definition.on, ...target.definition.emits].map((one) => [one.type, one]))
  return {
    functions: [target],
    get: (name) => (name === target.name ? target : undefined),
    handlersOf: () => [target],
    event: (type) => events.get(type),
    events: () => [...events.values()],
    failures: [],
    disabled: noneDisabled,
  }
}
