import { type EventDefinition, opensGate, type Gate as Side } from '../../events/define.ts'
import type { Envelope } from '../../events/envelope.ts'
import { CancelledError } from '../errors.ts'
import type { Delivery, EventBus, Settlement } from './bus/bus.ts'
import type { Clock } from './clock.ts'
import type { GateOptions, Gates, OpenGate } from './function.ts'
import { Gate } from './gate.ts'
import { childPublication } from './publication.ts'
import type { RegisteredFunction, Registry } from './registry/registry.ts'
import { namedHandlers, Verdicts } from './verdicts.ts'

interface KeeperOptions {
  bus: EventBus
  registry: Registry
  clock: Clock
  visitEnded?: VisitEnded
}

/** A function has ended at a gate after the chain went on without it. */
export interface VisitEnd {
  event: Envelope
  function: string
  gate: Side
  outcome: Settlement['outcome']
  error: string | undefined
}

/** Says what is put on the bus then, so that the chain goes on; nothing unless given. */
export type VisitEnded = (end: VisitEnd) => readonly { event: EventDefinition; data: unknown }[]

/** One function at a gate, while it runs. */
export interface Visit {
  /** Aborted when the gate will not wait for it any longer. */
  signal: AbortSignal
  /** What its context has beside that of other functions. */
  context: { snapshotTaken?: () => Promise<boolean> }
  /** Waits for its turn. @throws {CancelledError} It comes too late. */
  enter(): Promise<void> | void
  /** Whether another attempt would still be in time. */
  mayRetry(): boolean
  /** Tells how it ended. @returns What is to be recorded. */
  leave(settlement: Settlement): Settlement
}

/** How long functions after a gate wait for those before it that were told to stop. */
const patienceMs = 10_000
const pollMs = 100

/**
 * Lets the chain and the functions at its gate wait for each other. The state is in memory alone: after a crash the run is
 * ended, not continued, and what is left to do is on the bus (`snapshot.after`, `source.after`).
 */
export class GateKeeper {
  readonly #options: KeeperOptions
  /** By the id of the event that opened it. */
  readonly #gates = new Map<string, Gate>()
  readonly #verdicts: Verdicts
  /** Types of the events on each side. */
  readonly #types: Record<'before' | 'after' | 'verdict', readonly string[]>

  constructor(options: KeeperOptions) {
    this.#options = options
    const events = options.registry.events()
    const typesOf = (some: readonly EventDefinition[]) => some.map(({ type }) => type)
    this.#verdicts = new Verdicts(options)
    this.#types = {
      before: typesOf(events.filter(opensGate)),
      after: typesOf(events.filter(({ gate }) => gate === 'after')),
      verdict: typesOf(events.filter(({ gate }) => gate === 'verdict')),
    }
  }

  /** The side of the chain. */
  chain({ event }: Delivery, signal: AbortSignal): Gates {
    return {
      exist: (events, { standIns = true } = {}) =>
        events.some(({ type }) =>
          this.#handlersOf(type, event.runid).some(({ isAbsent }) => standIns || !isAbsent),
        ),
      settled: (source) => this.#settled(event.runid ?? '', source, signal),
      open: (before, options) => this.#open(before, options, signal),
      judges: (type) => this.#verdicts.judges(type, event.runid),
      verdict: (judged) => this.#verdicts.of(judged, signal),
    }
  }

  /** The side of the functions. @returns undefined for whatever does not stand at a gate. */
  visit(delivery: Delivery, target: RegisteredFunction): Visit | undefined {
    const { type } = delivery.event
    if (this.#types.before.includes(type)) return this.#visitBefore(delivery, target)
    if (this.#types.after.includes(type)) return this.#visitAfter(delivery, target)
    if (this.#types.verdict.includes(type)) return this.#visitToJudge()
    return undefined
  }

  #visitBefore(delivery: Delivery, target: RegisteredFunction): Visit {
    const { event } = delivery
    const stop = new AbortController()
    return {
      signal: stop.signal,
      context: { snapshotTaken: () => this.#gateOf(event).wait(target.name) },
      enter: () => {
        // After the end nothing would unlock any more what a late attempt or a redrive locks.
        if (this.#gates.get(event.id)?.isOver || this.#isOver(event)) {
          throw new CancelledError(`too late: nothing of ${event.subject} was waiting for it any more`)
        }
        this.#gateOf(event).enter(target.name, stop)
      },
      mayRetry: () => !this.#gateOf(event).isOver,
      leave: (settlement) => {
        const gate = this.#gates.get(event.id)
        gate?.leave(target.name, settlement)
        return gate?.isLeft ? this.#ending(settlement, target, 'before') : settlement
      },
    }
  }

  #visitAfter(delivery: Delivery, target: RegisteredFunction): Visit {
    const { before } = delivery.event.data as { before: string }
    return {
      signal: new AbortController().signal,
      context: {},
      enter: async () => void (await this.#gates.get(before)?.empty(patienceMs)),
      mayRetry: () => true,
      leave: (settlement) => this.#ending(settlement, target, 'after'),
    }
  }

  #visitToJudge(): Visit {
    return {
      signal: new AbortController().signal,
      context: {},
      enter: () => {},
      mayRetry: () => true,
      leave: (settlement) => this.#verdicts.note(settlement),
    }
  }

  #ending(settlement: Settlement, target: RegisteredFunction, gate: Side): Settlement {
    const { delivery, attempt } = settlement
    const { event, generation } = delivery
    // A redriven one belongs to a run that has ended.
    if (settlement.outcome === 'retry' || target.definition.spec.aside || generation > 0) return settlement
    const { outcome, publications } = settlement
    const { registry, clock, visitEnded } = this.#options
    const parent = { event, function: target.name, phase: 'giveUp' as const, generation }
    const end = { event, function: target.name, gate, outcome, error: attempt.error }
    const added = (visitEnded?.(end) ?? []).map(({ event: definition, data }, n) => {
      const from = { ...parent, index: publications.length + n }
      return childPublication(registry, definition, data, from, { attempt: event.attempt }, clock.now())
    })
    return { ...settlement, publications: [...publications, ...added] }
  }

  #open(before: Envelope, options: GateOptions, signal: AbortSignal): OpenGate {
    const gate = this.#gateOf(before)
    return {
      ready: () => gate.ready(options, signal),
      close: (taken) => gate.close(taken, options, signal),
    }
  }

  #gateOf(before: Envelope): Gate {
    const known = this.#gates.get(before.id)
    if (known) return known
    const { clock } = this.#options
    // Runs are serial: gates of earlier ones are empty.
    for (const [id, { runId }] of this.#gates) if (runId !== before.runid) this.#gates.delete(id)
    const awaited = this.#handlersOf(before.type, before.runid).flatMap(({ name, definition: { spec } }) =>
      spec.aside ? [] : name,
    )
    const gate = new Gate(before.runid ?? '', awaited, clock)
    this.#gates.set(before.id, gate)
    return gate
  }

  /** Those that name an event of a gate; functions on any fact (notifications) do not count. */
  #handlersOf(type: string, runId: string | undefined): readonly RegisteredFunction[] {
    return namedHandlers(this.#options.registry, type, runId)
  }

  /** Whether the bus has it that a gate was closed. */
  #isOver({ id, runid = '' }: Envelope): boolean {
    return this.#options.bus
      .events({ runId: runid, types: this.#types.after })
      .some(({ data }) => (data as { before: string }).before === id)
  }

  async #settled(runId: string, source: string, signal: AbortSignal): Promise<void> {
    const { bus, registry, clock } = this.#options
    const ids = bus.events({ runId, types: this.#types.after, subject: source }).map(({ id }) => id)
    const isOwed = ({ eventId, function: name }: { eventId: string; function: string }) =>
      ids.includes(eventId) && !registry.get(name)?.definition.spec.aside
    while (ids.length > 0 && bus.open(runId).some(isOwed)) {
      signal.throwIfAborted()
      await new Promise<void>((resolve) => clock.schedule(pollMs, resolve))
    }
  }
}
