import { anyFact } from '../../../events/any-fact.ts'
import type { EventDefinition } from '../../../events/define.ts'
import type { Envelope } from '../../../events/envelope.ts'
import { readStored } from '../../../events/stored.ts'
import { TerminalError } from '../../errors.ts'
import { systemClock } from '../clock.ts'
import type {
  Context,
  Emit,
  EventLog,
  FunctionDefinition,
  Gates,
  GiveUpContext,
  Received,
  Start,
} from '../function.ts'
import { type KeptResults, onceWith } from '../once.ts'
import { InvalidDataError } from '../publication.ts'
import { startOf } from '../start.ts'
import { type Emitted, type FromGuest, largestPayload, mostEmits, type Work } from './messages.ts'
import { ask as query } from './queries.ts'
import { makeThrown } from './thrown.ts'

/** Asks the parent for a method of the context. */
export type Ask = (path: readonly string[], args: readonly unknown[]) => Promise<unknown>

export interface CallOptions {
  call: number
  definition: FunctionDefinition
  signal: AbortSignal
  ask: Ask
  send(message: FromGuest): void
}

/** Does one call in the guest. @returns What it has emitted, or the key. @throws What the function throws. */
export async function runCall(
  work: Work,
  options: CallOptions,
): Promise<{ emitted?: readonly Emitted[]; key?: string }> {
  const { definition, call } = options
  const { spec } = definition
  const received = receive(work, definition)
  const run = { id: work.event.runid ?? '' }
  if (work.do === 'key') return { key: String(spec.concurrency?.key(received.data, run)) }
  const { emit, start, emitted, close } = emitter(work.function, definition)
  if (work.do === 'giveUp') {
    const context: GiveUpContext<unknown> = { config: work.config, run: work.run, events: eventLog(call) }
    spec.giveUp?.({ ...received, error: makeThrown(work.error) }, { ...context, emit })
  } else {
    const context: Context<unknown, unknown> = { ...contextOf(work, options), events: eventLog(call) }
    await spec.run({ ...received, firstTry: work.firstTry }, { ...context, emit, start })
  }
  close()
  return { emitted }
}

function receive({ event, function: name }: Work, { on }: FunctionDefinition): Received<EventDefinition> {
  const handled = on.find(({ type }) => type === event.type) ?? on.find((one) => one === anyFact)
  if (!handled) throw new TerminalError(`${name} does not take ${event.type} any more`)
  const { success, data } = readStored(handled, event.data)
  if (!success) throw new TerminalError(`the data of ${event.type} ${event.id} does not fit its schema`)
  return { type: event.type, data, attempt: event.attempt, event }
}

function contextOf(
  { config, run }: Extract<Work, { do: 'run' }>,
  { call, signal, ask, send }: CallOptions,
): Omit<Context<unknown, unknown>, 'events'> & { snapshotTaken(): Promise<boolean> } {
  const line = (level: 'info' | 'warn') => (message: string) =>
    send({ kind: 'log', call, level, message: String(message) })
  return {
    host: remoteHost(ask),
    config,
    run,
    log: { info: line('info'), warn: line('warn') },
    signal,
    clock: systemClock,
    gates: noGates,
    leftOut: [],
    progress: (progress) => send({ kind: 'progress', call, progress }),
    once: onceWith({
      get: (name) => ask(['kept', 'get'], [name]) as ReturnType<KeptResults['get']>,
      set: (name, result) => ask(['kept', 'set'], [name, result]) as Promise<void>,
    }),
    snapshotTaken: () => ask(['snapshotTaken'], []) as Promise<boolean>,
  }
}

/** The chain's own; a function of the user's has no use for it. */
const noGates: Gates = {
  exist: () => false,
  settled: async () => {},
  open: () => ({ ready: async () => undefined, close: async () => undefined }),
  judges: () => [],
  verdict: async () => ({ by: [], problem: undefined }),
}

/** The box: each method is one of the parent's, and answers with a promise. A session is talked to at once. */
function remoteHost(ask: Ask, path: readonly string[] = ['host']): unknown {
  return new Proxy(() => {}, {
    get(_, name) {
      if (typeof name !== 'string' || name === 'then') return undefined
      if (path.length === 1 && name === 'session') return (command: unknown) => remoteSession(ask, command)
      return remoteHost(ask, [...path, name])
    },
    apply: (_, __, args: unknown[]) => ask(path, args),
  })
}

let sessions = 0

function remoteSession(ask: Ask, command: unknown) {
  const id = ++sessions
  const opened = ask(['session', 'open'], [id, command])
  // Whoever talks to it hears of it.
  opened.catch(() => {})
  const talk = async (method: string, ...args: unknown[]) => {
    await opened
    return ask(['session', method], [id, ...args])
  }
  return {
    say: (line: string) => void talk('say', line).catch(() => {}),
    hear: () => talk('hear'),
    end: () => talk('end'),
  }
}

function emitter(name: string, definition: FunctionDefinition) {
  const emitted: Emitted[] = []
  let closed = false
  const admit = (does: string, { type }: EventDefinition) => {
    if (closed) throw new TerminalError(`${name} ${does} ${type} after its end: is an await missing?`)
    if (emitted.length >= mostEmits) {
      throw new TerminalError(`${name} emits more than ${mostEmits} events in one call`)
    }
  }
  const emit: Emit<readonly EventDefinition[]> = (event, input, { attempt, delayMs } = {}) => {
    if (!definition.emits.includes(event)) {
      throw new TerminalError(`${name} emits ${event?.type}, which its \`emits\` does not name`)
    }
    admit('emits', event)
    const options = { ...(attempt !== undefined && { attempt }), ...(delayMs !== undefined && { delayMs }) }
    emitted.push({ type: event.type, data: serialised(name, event, input), as: 'event', options })
  }
  const start: Start = (event, input, options = {}) => {
    admit('starts', event)
    startOf(name, event, input, options)
    emitted.push({
      type: event.type,
      data: serialised(name, event, input),
      as: 'start',
      options: { ...options },
    })
  }
  const close = () => {
    closed = true
  }
  return { emit, start, emitted, close }
}

function serialised(name: string, event: EventDefinition, input: unknown): string | undefined {
  const parsed = event.schema.safeParse(input)
  if (!parsed.success) throw new InvalidDataError(event.type, parsed.error.issues)
  let text: string | undefined
  try {
    text = JSON.stringify(input)
  } catch (error) {
    throw new TerminalError(
      `${name} emits ${event.type} with data that JSON cannot carry: ${(error as Error).message}`,
    )
  }
  const size = Buffer.byteLength(text ?? '')
  if (size > largestPayload) {
    throw new TerminalError(
      `${name} emits ${event.type} with ${size} bytes of data; ${largestPayload} are the most`,
    )
  }
  return text
}

function eventLog(call: number): EventLog {
  const receivedOf =
    <E extends EventDefinition>(definition: E) =>
    (event: Envelope): Received<E>[] => {
      const { success, data } = readStored(definition, event.data)
      return success ? [{ type: event.type, data, attempt: event.attempt, event } as Received<E>] : []
    }
  const recent = (definitions: readonly EventDefinition[], subject: string | undefined, limit: number) =>
    query({
      call,
      about: 'recent',
      types: definitions.map(({ type }) => type),
      limit,
      ...(subject !== undefined && { subject }),
    }) as Envelope[]
  return {
    run: () => query({ call, about: 'run' }) as Envelope[],
    ofRun: (definition, limit = -1) =>
      (query({ call, about: 'ofRun', types: [definition.type], limit }) as Envelope[]).flatMap(
        receivedOf(definition),
      ),
    latest: (definition, subject, limit) =>
      recent([definition], subject, limit).flatMap(receivedOf(definition)),
    newest: (definitions, subject) => recent(definitions, subject, 1)[0],
    recent,
    pending: () => query({ call, about: 'pending' }) as number,
  }
}
