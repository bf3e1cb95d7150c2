import { anyFact } from '../../events/any-fact.ts'
import type { EventDefinition } from '../../events/define.ts'
import type { Envelope } from '../../events/envelope.ts'
import { readStored } from '../../events/stored.ts'
import { CancelledError, RetryableError, reasonOf, TerminalError } from '../errors.ts'
import { type Delivery, type EventBus, type Publication, type Settlement, unknownKey } from './bus/bus.ts'
import type { Clock } from './clock.ts'
import type { Context, Emit, EventLog, GiveUpContext, Received, Start } from './function.ts'
import type { GateKeeper, Visit } from './gates.ts'
import { failureText } from './guests/failure-text.ts'
import { refuseDeep } from './guests/lineage.ts'
import { CutOffError } from './guests/thrown.ts'
import { type KeptResults, keptInMemory, onceWith } from './once.ts'
import { childPublication, startPublication } from './publication.ts'
import { orderUnder } from './registry/order.ts'
import { isBeside, isDisabled, type RegisteredFunction, type Registry } from './registry/registry.ts'
import { isSafe } from './registry/safe-runs.ts'
import { nextTryAt } from './retry.ts'
import { startOf } from './start.ts'

/** Makes what a function is given for one delivery. */
export type ContextFactory = (
  delivery: Delivery,
  signal: AbortSignal,
) => Omit<Context<unknown, unknown>, 'events' | 'gates' | 'leftOut' | 'once'> & {
  /** Where results are kept for the next attempt; for this one alone unless given. */
  kept?: KeptResults
} & {
  /** Resolves once what the function has started has ended; it has been told to. */
  ended?(): Promise<void>
}

export interface WorkerOptions {
  bus: EventBus
  registry: Registry
  clock: Clock
  context: ContextFactory
  gates: Pick<GateKeeper, 'visit' | 'chain'>
  /** What is put on the bus in the transaction that makes a delivery a dead letter; nothing unless given. */
  deadLetters?: (delivery: Delivery, reason: string) => readonly Publication[]
  /** Past events, for a plan: its own bus begins empty. */
  history?: Pick<EventBus, 'events'> | undefined
}

/**
 * Runs one delivery to its end, good or bad, and says how it has to be settled. Never throws.
 * @param end Ends the attempt: aborted by the caller when the run is cancelled, and here when time is up and at the end.
 *   One controller, as combined signals (AbortSignal.any) cost more than all else here.
 */
export async function work(
  delivery: Delivery,
  target: RegisteredFunction,
  end: AbortController,
  options: WorkerOptions,
): Promise<Settlement> {
  if (isDisabled(target, options.registry.disabled)) return skip(delivery, target, options)
  const visit = options.gates.visit(delivery, target)
  if (delivery.key === unknownKey && target.guest?.key) {
    const settlement = await computeKey(delivery, target, target.guest.key, options)
    // A gate that waits for one that has failed is told so.
    return settlement.outcome === 'keyed' || !visit ? settlement : visit.leave(settlement)
  }
  if (!visit) return attemptOnce(delivery, target, end, options)
  const stop = () => end.abort(visit.signal.reason)
  if (visit.signal.aborted) stop()
  else visit.signal.addEventListener('abort', stop, { once: true })
  return visit.leave(await attemptOnce(delivery, target, end, options, visit))
}

/** What was owed to a function before it was disabled comes to its end; a gate does not wait for it. */
function skip(delivery: Delivery, target: RegisteredFunction, options: WorkerOptions): Settlement {
  const now = options.clock.now()
  const attempt = { startedAt: now, endedAt: now, error: `${target.name} is disabled` }
  const settlement: Settlement = { outcome: 'cancelled', delivery, attempt, publications: [] }
  options.gates.visit(delivery, target)?.leave({ ...settlement, outcome: 'done' })
  return settlement
}

/** Gives the delivery back with its key; one that has none cannot be put in order, and fails. */
async function computeKey(
  delivery: Delivery,
  target: RegisteredFunction,
  compute: (event: Envelope) => Promise<string>,
  options: WorkerOptions,
): Promise<Settlement> {
  const startedAt = options.clock.now()
  try {
    const key = await compute(delivery.event)
    const attempt = { startedAt, endedAt: options.clock.now() }
    const order = { ...orderUnder(target.definition, key), key }
    return { outcome: 'keyed', delivery, attempt, ...order, publications: [] }
  } catch (thrown) {
    const error = new TerminalError(`concurrency.key: ${toError(thrown).message}`, { cause: thrown })
    const isCutOff = thrown instanceof CutOffError && delivery.tries < target.retry.limit
    if (!isCutOff) return giveUp(delivery, target, error, options, startedAt)
    const endedAt = options.clock.now()
    return {
      outcome: 'retry',
      delivery,
      attempt: { startedAt, endedAt, error: error.message },
      runAt: endedAt,
    }
  }
}

async function attemptOnce(
  delivery: Delivery,
  target: RegisteredFunction,
  end: AbortController,
  options: WorkerOptions,
  visit?: Visit,
): Promise<Settlement> {
  const { clock } = options
  // What keeps it from being ready, the call will meet as well.
  if (target.guest?.ready) await target.guest.ready().catch(() => {})
  const startedAt = clock.now()
  const { signal } = end
  let made: ReturnType<ContextFactory> | undefined
  const clearTimeUp = clock.schedule(target.timeoutMs, () =>
    end.abort(new TerminalError(`${target.name} took longer than ${target.timeoutMs / 1000} s`)),
  )
  try {
    // In here, what cannot be parsed becomes a dead letter, not a crash of the dispatcher.
    const received = receive(delivery, target)
    if (delivery.tries > target.retry.limit) {
      throw new TerminalError(`given up after ${target.retry.limit} attempts`)
    }
    if (visit) await visit.enter()
    const { emit, start, publications, close } = emitter(delivery, target, 'run', options)
    made = options.context(delivery, signal)
    const { kept = keptInMemory() } = made
    const context = {
      ...made,
      kept,
      once: onceWith(kept),
      ...visit?.context,
      events: eventLog(delivery, options),
      gates: options.gates.chain(delivery, signal),
      leftOut: isSafe(delivery.event.runid) ? [] : leftOut(options.registry),
      emit: emit as Emit<readonly EventDefinition[]>,
      start,
    }
    signal.throwIfAborted()
    const delivered = { ...received, firstTry: delivery.tries === 1 && delivery.generation === 0 }
    const running = target.definition.spec.run(delivered, context)
    if (running) await untilDone(Promise.resolve(running), signal, clock)
    close()
    if (target.guest && publications.length > 0) refuseDeep(delivery.event, options.bus, options.registry)
    return { outcome: 'done', delivery, attempt: { startedAt, endedAt: clock.now() }, publications }
  } catch (thrown) {
    const error = toError(signal.aborted && !wasCutOff(thrown, signal) ? signal.reason : thrown)
    const ended = { startedAt, endedAt: clock.now(), error: error.message }
    if (!(error instanceof TerminalError || error instanceof CancelledError)) {
      const { tries, event } = delivery
      const retryAfterMs = error instanceof RetryableError ? error.retryAfterMs : undefined
      const made = { tries, eventAt: Date.parse(event.time) }
      const runAt = nextTryAt(made, target.retry, clock.now(), retryAfterMs)
      if (runAt !== undefined && (visit?.mayRetry() ?? true)) {
        return { outcome: 'retry', delivery, attempt: ended, runAt }
      }
    }
    return await giveUp(delivery, target, error, options, startedAt)
  } finally {
    clearTimeUp()
    // Ends what it has left running, such as a session with a database.
    end.abort(endOf(target))
    // Of a function of the user's that was cut off, the programs are still there: the next attempt must not run beside them.
    if (target.guest) await made?.ended?.()
  }
}

/** Nobody misses what is left out and disabled. */
function leftOut({ failures, disabled }: Registry): string[] {
  return failures.filter(({ name }) => !disabled.has(name)).map(failureText)
}

const ends = new WeakMap<RegisteredFunction, TerminalError>()

/** One for each function: V8 records a stack for each error, which takes longer than many an attempt. */
function endOf(target: RegisteredFunction): TerminalError {
  const error = ends.get(target) ?? new TerminalError(`${target.name} has ended`)
  ends.set(target, error)
  return error
}

/** Ends a delivery without a further attempt: its function says what has to follow. Never throws. */
export async function giveUp(
  delivery: Delivery,
  target: RegisteredFunction,
  error: Error,
  options: WorkerOptions,
  startedAt = options.clock.now(),
): Promise<Settlement> {
  const outcome = error instanceof CancelledError ? 'cancelled' : 'dead'
  const attempt = { startedAt, endedAt: options.clock.now(), error: error.message }
  const dead = outcome === 'dead' ? (options.deadLetters?.(delivery, reasonOf(error)) ?? []) : []
  try {
    const { emit, publications } = emitter(delivery, target, 'giveUp', options)
    const { config, run } = options.context(delivery, AbortSignal.abort(error))
    const context: GiveUpContext<unknown> = { config, run, events: eventLog(delivery, options) }
    const received = { ...receive(delivery, target), error }
    const giving = { ...context, emit: emit as Emit<readonly EventDefinition[]> }
    if (target.guest?.giveUp) await target.guest.giveUp(received, giving)
    else target.definition.spec.giveUp?.(received, giving)
    return { outcome, delivery, attempt, publications: [...publications, ...dead] }
  } catch (second) {
    const message = `${error.message}; then, when giving up: ${toError(second).message}`
    return { outcome, delivery, attempt: { ...attempt, error: message }, publications: dead }
  }
}

function receive({ event }: Delivery, { definition, name }: RegisteredFunction): Received<EventDefinition> {
  const handled =
    definition.on.find(({ type }) => type === event.type) ?? definition.on.find((one) => one === anyFact)
  if (!handled) throw new TerminalError(`${name} does not take ${event.type} any more`)
  // Facts and clean-up steps of another version are read without the keys that are unknown here. A step that does work must
  // not run without a part of what it was asked for.
  const isLenient = handled.external || definition.spec.always
  const { success, data } = isLenient ? readStored(handled, event.data) : handled.schema.safeParse(event.data)
  if (!success) throw new TerminalError(`the data of ${event.type} ${event.id} is not valid`)
  return { type: event.type, data, attempt: event.attempt, event }
}

function emitter(
  delivery: Delivery,
  target: RegisteredFunction,
  phase: 'run' | 'giveUp',
  { registry, clock }: WorkerOptions,
) {
  const publications: Publication[] = []
  let closed = false
  const emit: Emit<EventDefinition[]> = (event, data, options = {}) => {
    if (closed)
      throw new TerminalError(`${target.name} emits ${event.type} after its end: is an await missing?`)
    if (!target.definition.emits.includes(event)) {
      throw new TerminalError(`${target.name} emits ${event.type}, which its \`emits\` does not name`)
    }
    const { event: cause, generation } = delivery
    const parent = { event: cause, function: target.name, phase, index: publications.length, generation }
    publications.push(childPublication(registry, event, data, parent, options, clock.now()))
  }
  const start: Start = (event, data, options = {}) => {
    if (closed)
      throw new TerminalError(`${target.name} starts ${event.type} after its end: is an await missing?`)
    const { event: cause, generation } = delivery
    const parent = { event: cause, function: target.name, phase, index: publications.length, generation }
    const wish = startOf(target.name, event, data, options)
    publications.push(startPublication(registry, event, data, parent, wish, clock.now()))
  }
  const close = () => {
    closed = true
  }
  return { emit, start, publications, close }
}

function eventLog(delivery: Delivery, { bus, registry, history }: WorkerOptions): EventLog {
  const runId = delivery.event.runid ?? ''
  const receivedOf =
    <E extends EventDefinition>(definition: E) =>
    (event: Envelope): Received<E>[] => {
      const { success, data } = readStored(definition, event.data)
      return success ? [{ type: event.type, data, attempt: event.attempt, event } as Received<E>] : []
    }
  const typesOf = (definitions: readonly EventDefinition[]) => definitions.map(({ type }) => type)
  const newestFirst = (types: readonly string[], subject: string | undefined, limit: number) => {
    const filter = { types, ...(subject !== undefined && { subject }), newestFirst: true, limit }
    return [...bus.events(filter), ...(history?.events(filter) ?? [])].slice(0, limit)
  }
  return {
    run: () => bus.events({ runId }),
    ofRun: (definition, limit = -1) =>
      bus.events({ runId, types: [definition.type], limit }).flatMap(receivedOf(definition)),
    latest: (definition, subject, limit) =>
      newestFirst([definition.type], subject, limit).flatMap(receivedOf(definition)),
    newest: (definitions, subject) => newestFirst(typesOf(definitions), subject, 1)[0],
    recent: (definitions, subject, limit) => newestFirst(typesOf(definitions), subject, limit),
    pending: () =>
      bus.open(runId).filter(({ id, function: name }) => id !== delivery.id && !isBeside(registry.get(name)))
        .length,
  }
}

/** Enough for a command that must not be stopped halfway (LVM); a handler that ignores its signal is not waited for longer. */
const patienceMs = 5 * 60_000

/** Waits for a handler; once its signal is aborted, for `patienceMs` at most. */
async function untilDone(running: Promise<void>, signal: AbortSignal, clock: Clock): Promise<void> {
  const lost = Promise.withResolvers<never>()
  let stop = () => {}
  const onAbort = () => {
    stop = clock.schedule(patienceMs, () => lost.reject(signal.reason))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([running, lost.promise])
  } finally {
    stop()
    signal.removeEventListener('abort', onAbort)
    running.catch(() => {})
  }
}

/** Its time was up, but perhaps by the fault of another one. */
function wasCutOff(thrown: unknown, { reason }: AbortSignal): boolean {
  return thrown instanceof CutOffError && !(reason instanceof CancelledError)
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
