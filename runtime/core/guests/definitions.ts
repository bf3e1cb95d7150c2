import * as z from 'zod'
import { anyFact } from '../../../events/any-fact.ts'
import type { EventDefinition } from '../../../events/define.ts'
import type { Envelope } from '../../../events/envelope.ts'
import { TerminalError } from '../../errors.ts'
import { unknownKey } from '../bus/bus.ts'
import type { Context, Emit, FunctionDefinition, GiveUpContext, Received, Start } from '../function.ts'
import type { KeptResults } from '../once.ts'
import { type RegisteredFunction, register } from '../registry/registry.ts'
import type { GuestHouse } from './house.ts'
import {
  type Emitted,
  type EventDescription,
  type FunctionDescription,
  largestPayload,
  mostEmits,
  type Query,
  type Work,
} from './messages.ts'
import type { CallHost } from './process.ts'
import { tellThrown } from './thrown.ts'

type AnyContext = Context<unknown, unknown> & {
  emit: Emit<readonly EventDefinition[]>
  snapshotTaken?(): Promise<boolean>
  kept?: KeptResults
}

/** An event that a file of the user's declares. What JSON Schema cannot say of it, the guest checks. */
export function guestEvent({ schema, request, ...rest }: EventDescription): EventDefinition {
  return { ...rest, schema: fromJson(schema), request: fromJson(request) }
}

function fromJson(schema: object): z.ZodType {
  try {
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]) as z.ZodType
  } catch {
    return z.unknown()
  }
}

/**
 * A function of the user's as the engine runs it: whatever it does, it does in its process.
 * @param event Looks up an event by its type.
 */
export function guestFunction(
  described: FunctionDescription,
  event: (type: string) => EventDefinition | undefined,
  house: GuestHouse,
): RegisteredFunction {
  const { name, file, on, emits, spec, concurrency, hasGiveUp, hasKey } = described
  const known = (types: readonly string[]) =>
    types.flatMap((type) => (type === anyFact.type ? anyFact : (event(type) ?? [])))
  const definition: FunctionDefinition = {
    kind: 'hdsync.function',
    on: known(on),
    emits: known(emits),
    spec: {
      on: known(on),
      emits: known(emits),
      ...spec,
      ...(concurrency && {
        concurrency: { ...concurrency, ...(hasKey && { key: () => unknownKey }) } as KeyedSpec,
      }),
      async run({ event: cause, firstTry }, context) {
        const { config, run, signal } = context
        const work: Work = { do: 'run', function: name, event: cause, firstTry, config, run }
        const { emitted } = await house.call(work, hostOf(context as AnyContext), signal)
        replay(name, emitted, event, context)
      },
    },
  }
  return {
    ...register(name, definition, file),
    guest: {
      ready: () => house.ready(name),
      ...(hasGiveUp && {
        async giveUp({ event: cause, error }: Received<EventDefinition> & { error: Error }, context) {
          const { config, run } = context
          const work: Work = {
            do: 'giveUp',
            function: name,
            event: cause,
            error: tellThrown(error),
            config,
            run,
          }
          const { emitted } = await house.call(work, quietHost(context), deadline())
          replay(name, emitted, event, context)
        },
      }),
      ...(hasKey && {
        async key(cause: Envelope) {
          const { key } = await house.call({ do: 'key', function: name, event: cause }, silent, deadline())
          if (!key || key === unknownKey) throw new TerminalError('it is empty')
          return key
        },
      }),
    },
  }
}

type KeyedSpec = NonNullable<FunctionDefinition['spec']['concurrency']>

/** What is short is not waited for for long. */
const shortMs = 5000

function deadline(): AbortSignal {
  const end = new AbortController()
  const late = new TerminalError(`took longer than ${shortMs / 1000} s`)
  setTimeout(() => end.abort(late), shortMs).unref()
  return end.signal
}

/** What the guest has emitted is emitted here, where it is checked once more. */
function replay(
  name: string,
  emitted: readonly Emitted[],
  event: (type: string) => EventDefinition | undefined,
  { emit, start }: { emit: Emit<readonly EventDefinition[]>; start?: Start },
): void {
  if (emitted.length > mostEmits) {
    throw new TerminalError(`${name} emits more than ${mostEmits} events in one call`)
  }
  for (const { type, data, ...one } of emitted) {
    const definition = event(type)
    if (!definition) throw new TerminalError(`${name} names ${type}, which no function handles or emits`)
    if (Buffer.byteLength(data ?? '') > largestPayload) {
      throw new TerminalError(`${name} emits ${type} with too much data`)
    }
    const input = data === undefined ? undefined : JSON.parse(data)
    if (one.as === 'event') emit(definition, input, one.options)
    else start?.(definition, input, one.options)
  }
}

const silent: CallHost = {
  ask: () => {
    throw new TerminalError('nothing can be asked for here')
  },
  query: () => {
    throw new TerminalError('nothing can be looked up here')
  },
  log: () => {},
  progress: () => {},
}

function quietHost({ events }: Pick<GiveUpContext<unknown>, 'events'>): CallHost {
  return { ...silent, query: (query) => lookUp(query, events) }
}

/** What a call of the guest may ask for: its context, on this side. */
function hostOf(context: AnyContext): CallHost {
  const sessions = new Sessions(context.host as { session(command: unknown): Session })
  return {
    ask(path, args) {
      const [first = '', ...rest] = path
      if (first === 'snapshotTaken') return context.snapshotTaken?.()
      if (first === 'session') return sessions.ask(rest[0] ?? '', args)
      if (first === 'kept') return askKept(context.kept, rest[0], args)
      return callMethod(context.host, rest, args)
    },
    query: (query) => lookUp(query, context.events),
    log: (level, message) => context.log[level](message),
    progress: (progress) => context.progress(progress),
  }
}

/** What the guest has done once. */
function askKept(
  kept: KeptResults | undefined,
  method: string | undefined,
  [name, result]: readonly unknown[],
): unknown {
  if (method === 'get') return kept?.get(String(name))
  return kept?.set(String(name), typeof result === 'string' ? result : null)
}

function callMethod(host: unknown, path: readonly string[], args: readonly unknown[]): unknown {
  let owner: unknown
  let value = host
  for (const name of path) {
    owner = value
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? Reflect.get(value, name)
        : undefined
  }
  if (typeof value !== 'function') throw new TerminalError(`there is no host.${path.join('.')}()`)
  return value.apply(owner, args)
}

interface Session {
  say(line: string): void
  hear(): Promise<string>
  end(): Promise<unknown>
}

/** The sessions of one call, by the numbers that the guest gives them. */
class Sessions {
  readonly #host: { session(command: unknown): Session }
  readonly #open = new Map<unknown, Session>()

  constructor(host: { session(command: unknown): Session }) {
    this.#host = host
  }

  ask(method: string, [id, given]: readonly unknown[]): unknown {
    if (method === 'open') return void this.#open.set(id, this.#host.session(given))
    const session = this.#open.get(id)
    if (method === 'say') return session?.say(String(given))
    if (method === 'hear') return session?.hear()
    return session?.end()
  }
}

/** Anything goes: the guest reads the data by the schema that it has. */
const anything = z.unknown()

function lookUp(
  { about, types = [], subject, limit = -1 }: Query,
  events: Context<unknown, unknown>['events'],
): unknown {
  const definitions = types.map((type) => ({ type, schema: anything }) as unknown as EventDefinition)
  const [first = anyFact] = definitions
  if (about === 'run') return events.run()
  if (about === 'pending') return events.pending()
  if (about === 'ofRun') return events.ofRun(first, limit).map(({ event }) => event)
  if (subject === undefined) return [events.newest(definitions)].filter((event) => event !== undefined)
  return events.recent(definitions, subject, limit)
}
