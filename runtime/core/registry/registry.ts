import { anyFact } from '../../../events/any-fact.ts'
import type { EventDefinition } from '../../../events/define.ts'
import { UsageError } from '../../errors.ts'
import { parseDuration } from '../../units.ts'
import type { FunctionDefinition } from '../function.ts'
import type { RetryPolicy } from '../retry.ts'

/** A function as the engine runs it. */
export interface RegisteredFunction {
  /** The name of its file: the event that it handles, for ours. */
  name: string
  file: string
  definition: FunctionDefinition
  timeoutMs: number
  retry: RetryPolicy
}

/** Which function handles which event. */
export interface Registry {
  functions: readonly RegisteredFunction[]
  get(name: string): RegisteredFunction | undefined
  handlersOf(type: string): readonly RegisteredFunction[]
  event(type: string): EventDefinition | undefined
  /** Every known event, those of the user's functions included. */
  events(): readonly EventDefinition[]
}

const defaultRetry: RetryPolicy = { limit: 3, minDelayMs: 200, maxDelayMs: 30_000 }

/**
 * Puts functions together.
 * @throws {UsageError} Two functions share a name, or an event is emitted that nobody takes.
 */
export function createRegistry(
  functions: readonly RegisteredFunction[],
  catalogue: ReadonlyMap<string, EventDefinition>,
): Registry {
  const byName = new Map<string, RegisteredFunction>()
  const events = new Map(catalogue)
  for (const one of functions) {
    const [before, after] = (['before', 'after'] as const).map((side) =>
      one.definition.on.find(({ gate }) => gate === side),
    )
    if (before && after) {
      throw new UsageError(`${one.name} handles both ${before.type} and ${after.type} (${one.file})`, {
        hint: `write two functions, or one for ${before.type} that waits with snapshotTaken()`,
      })
    }
    const twin = byName.get(one.name)
    if (twin) {
      throw new UsageError(`two functions are named ${one.name}: ${twin.file} and ${one.file}`, {
        hint: 'rename one of the files',
      })
    }
    byName.set(one.name, one)
    const begins = one.definition.emits.find(({ startsRun }) => startsRun)
    if (begins) {
      throw new UsageError(`${one.name} emits ${begins.type}, which begins a run (${one.file})`, {
        hint: `start it instead, and leave it out of \`emits\`: run(received, { start }) { start(event, data, { delay: '10m' }) }`,
      })
    }
    for (const event of [...one.definition.on, ...one.definition.emits]) {
      if (event !== anyFact && !events.has(event.type)) events.set(event.type, event)
    }
  }
  const byEvent = new Map<string, RegisteredFunction[]>()
  for (const one of functions) {
    for (const type of typesOf(one, events)) byEvent.set(type, [...(byEvent.get(type) ?? []), one])
  }
  for (const one of functions) {
    for (const event of one.definition.emits) {
      if (!event.external && !byEvent.has(event.type)) {
        throw new UsageError(`${one.name} emits ${event.type}, which no function takes (${one.file})`, {
          hint: 'write a function that takes it, or declare the event as external',
        })
      }
    }
  }
  return {
    functions,
    get: (name) => byName.get(name),
    handlersOf: (type) => byEvent.get(type) ?? [],
    event: (type) => events.get(type),
    events: () => [...events.values()],
  }
}

function typesOf({ definition: { on } }: RegisteredFunction, events: ReadonlyMap<string, EventDefinition>) {
  const facts = [...events.values()].filter(({ external }) => external && on.includes(anyFact))
  return new Set([...on.filter((event) => event !== anyFact), ...facts].map(({ type }) => type))
}

/** Completes a definition with its defaults. */
export function register(name: string, definition: FunctionDefinition, file = name): RegisteredFunction {
  const { spec } = definition
  const timeoutMs = parseDuration(spec.timeout ?? defaultTimeout(definition))
  if (timeoutMs === undefined) throw new UsageError(`${file}: timeout ${spec.timeout} is not a duration`)
  return { name, file, definition, timeoutMs, retry: { ...defaultRetry, ...spec.retry } }
}

/** At a gate the snapshot's own limit decides, twice an hour at most. */
function defaultTimeout({ on }: FunctionDefinition): string {
  return on.some(({ gate }) => gate === 'before') ? '3h' : '1m'
}
