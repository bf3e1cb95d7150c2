import * as z from 'zod'
import { anyFact } from '../../../events/any-fact.ts'
import { type EventDefinition, opensGate } from '../../../events/define.ts'
import { UsageError } from '../../errors.ts'
import { parseDuration } from '../../units.ts'
import type { FunctionDefinition } from '../function.ts'
import { putOffOf } from '../registry/order.ts'
import { parseSchedule } from '../schedule.ts'
import type { EventDescription, FunctionDescription } from './messages.ts'

/**
 * What a file exports, as a function. A file of a user's may export anything.
 * @throws {UsageError} It is no function, or its parts are not what they should be.
 */
export function checkDefinition(exported: unknown): FunctionDefinition {
  const definition = exported as FunctionDefinition | null | undefined
  if (definition?.kind !== 'hdsync.function') {
    throw new UsageError('its default export is not a defineFunction(...)')
  }
  const flaw = flawOf(definition)
  if (flaw) throw new UsageError(flaw)
  return definition
}

function flawOf({ on, emits, spec }: FunctionDefinition): string | undefined {
  if (on.length === 0 || !on.every(isEvent)) {
    return '`on` takes an event, such as runFailed, or a list of events; not its name as a string'
  }
  if (!Array.isArray(emits)) return '`emits` is missing; write emits: [] if it emits nothing'
  if (!emits.every(isEvent)) return '`emits` takes events, such as runFailed; not their names as strings'
  if (typeof spec.run !== 'function') return '`run` is missing, or is not a function'
  if (spec.giveUp !== undefined && typeof spec.giveUp !== 'function') return '`giveUp` is not a function'
  if (spec.concurrency !== undefined && typeof spec.concurrency?.key !== 'function') {
    return '`concurrency.key` is not a function'
  }
  const { limit: atOnce = 1 } = spec.concurrency ?? {}
  if (!Number.isInteger(atOnce) || atOnce < 1) {
    return `concurrency.limit ${String(atOnce)} is not a whole number from 1`
  }
  const notInTurn = orderFlaw(on, spec)
  if (notInTurn) return notInTurn
  if (spec.timeout !== undefined && !isDuration(spec.timeout)) {
    return `timeout ${String(spec.timeout)} is not a duration, such as 30s or 5m`
  }
  const unscheduled = spec.schedule === undefined ? undefined : scheduleFlaw(spec.schedule)
  if (unscheduled) return unscheduled
  const { limit = 1, minDelayMs = 0, maxDelayMs = 0, withinMs = 0 } = spec.retry ?? {}
  if (!Number.isInteger(limit) || limit < 1) return `retry.limit ${limit} is not a whole number from 1`
  const delays = [minDelayMs, maxDelayMs, withinMs]
  if (!delays.every((ms) => Number.isFinite(ms) && ms >= 0))
    return 'the delays of `retry` are not milliseconds'
  const [before, after] = [on.find(opensGate), on.find(({ gate }) => gate === 'after')]
  if (before && after) {
    const or = before.gate === 'before' ? `, or one for ${before.type} that waits with snapshotTaken()` : ''
    return `it handles both ${before.type} and ${after.type}; write two functions${or}`
  }
  return undefined
}

/** What is said of deliveries that come while others are open. */
function orderFlaw(
  on: readonly EventDefinition[],
  { concurrency, debounce }: FunctionDefinition['spec'],
): string | undefined {
  const { onBusy = 'wait' } = concurrency ?? {}
  if (!['wait', 'skip', 'replace'].includes(onBusy)) {
    return `concurrency.onBusy ${JSON.stringify(onBusy)} is none of 'wait', 'skip' and 'replace'`
  }
  if (debounce !== undefined && !putOffOf(debounce)) {
    return `debounce ${JSON.stringify(debounce)} is not a duration, such as '30s', or { wait: '30s', longest: '5m' }`
  }
  const gate = on.find((event) => event.gate !== undefined)
  if (gate && onBusy !== 'wait')
    return `${gate.type} is waited for: concurrency.onBusy ${onBusy} cannot be had there`
  if (gate && debounce !== undefined) return `${gate.type} is waited for: debounce cannot be had there`
  return undefined
}

function isEvent(value: unknown): boolean {
  const { type, schema } = (value ?? {}) as Partial<EventDefinition>
  return typeof type === 'string' && typeof schema?.safeParse === 'function'
}

/** Why a text is no schedule. */
function scheduleFlaw(text: unknown): string | undefined {
  try {
    const next = parseSchedule(String(text)).nextAfter(Date.now())
    return next === undefined ? `the schedule ${String(text)} never comes` : undefined
  } catch (error) {
    const { message, hint } = error as UsageError
    return `${message} (${hint})`
  }
}

function isDuration(value: unknown): boolean {
  return typeof value === 'string' && (parseDuration(value) ?? 0) > 0
}

/** A definition that was checked, as it is told to the parent. */
export function describe(
  name: string,
  file: string,
  { on, emits, spec }: FunctionDefinition,
): FunctionDescription {
  const { on: _on, emits: _emits, run: _run, giveUp, concurrency, ...rest } = spec
  const { key, ...limits } = concurrency ?? {}
  return {
    name,
    file,
    on: on.map(({ type }) => type),
    emits: emits.map(({ type }) => type),
    spec: rest,
    ...(concurrency && { concurrency: limits }),
    hasKey: key !== undefined,
    hasGiveUp: giveUp !== undefined,
  }
}

/**
 * The events that files of the user's declare, each once.
 * @param catalogue The events of hdsync.
 */
export class DeclaredEvents {
  readonly #catalogue: ReadonlyMap<string, EventDefinition>
  readonly #events = new Map<string, { event: EventDefinition; file: string; described: EventDescription }>()

  constructor(catalogue: ReadonlyMap<string, EventDefinition>) {
    this.#catalogue = catalogue
  }

  /**
   * Takes the events that a function names.
   * @throws {UsageError} One is declared twice, or cannot be told in JSON; none is taken then.
   */
  add(file: string, { on, emits }: FunctionDefinition): void {
    const added = [...new Set([...on, ...emits])].flatMap((event) => this.#new(file, event))
    for (const one of added) this.#events.set(one.event.type, one)
  }

  get descriptions(): EventDescription[] {
    return [...this.#events.values()].map(({ described }) => described)
  }

  #new(file: string, event: EventDefinition) {
    if (event === anyFact || this.#catalogue.get(event.type) === event) return []
    if (this.#catalogue.has(event.type)) {
      throw new UsageError(
        `it declares ${event.type} anew, which is an event of hdsync: import it from 'hdsync'`,
      )
    }
    const known = this.#events.get(event.type)
    if (known?.event === event) return []
    if (known) {
      throw new UsageError(
        `${event.type} is declared twice, here and for ${known.file}: declare it in one file, and import it from there`,
      )
    }
    const { schema, request, ...rest } = event
    const described = {
      ...rest,
      schema: jsonSchema(event.type, schema),
      request: jsonSchema(event.type, request),
    }
    return [{ event, file, described }]
  }
}

function jsonSchema(type: string, schema: z.ZodType): object {
  try {
    return z.toJSONSchema(schema, { io: 'input' })
  } catch (error) {
    throw new UsageError(`the schema of ${type} cannot be told in JSON: ${(error as Error).message}`)
  }
}
