import { anyFact } from '../../../events/any-fact.ts'
import { type EventDefinition, opensGate } from '../../../events/define.ts'
import type { Envelope } from '../../../events/envelope.ts'
import { UsageError } from '../../errors.ts'
import { parseDuration } from '../../units.ts'
import type { Lane } from '../bus/bus.ts'
import type { Emit, FunctionDefinition, GiveUpContext, Received } from '../function.ts'
import type { LoadFailure } from '../guests/messages.ts'
import type { RetryPolicy } from '../retry.ts'
import { parseSchedule, type Schedule } from '../schedule.ts'
import { type Disabled, noneDisabled } from './disabled.ts'
import { isSafe } from './safe-runs.ts'

/** A function as the engine runs it. */
export interface RegisteredFunction {
  /** The name of its file: the event that it handles, for ours. */
  name: string
  file: string
  definition: FunctionDefinition
  timeoutMs: number
  retry: RetryPolicy
  /** Set for a function of the user's, which runs in a process of its own; see core/guests/. */
  guest?: GuestParts
  /** It only fails, in the place of a function that is left out. */
  isAbsent?: boolean
  /** When it has its turn without any event. */
  schedule?: Schedule
}

/** What is computed in the guest's process, and so takes a while. */
export interface GuestParts {
  /** Resolves once it can be called: the time that it may take begins then. */
  ready?(): Promise<void>
  /** Instead of the definition's. */
  giveUp?(
    received: Received<EventDefinition> & { error: Error },
    context: GiveUpContext<unknown> & { emit: Emit<readonly EventDefinition[]> },
  ): Promise<void>
  /** The key that orders deliveries, instead of the definition's. @throws There is none. */
  key?(event: Envelope): Promise<string>
}

/** Which function handles which event. */
export interface Registry {
  functions: readonly RegisteredFunction[]
  get(name: string): RegisteredFunction | undefined
  /**
   * The functions that take an event; those that are disabled do not.
   * @param runId The run that the event belongs to: of one that leaves out the user's functions, only hdsync's own take it.
   */
  handlersOf(type: string, runId?: string): readonly RegisteredFunction[]
  event(type: string): EventDefinition | undefined
  /** Every known event, those of the user's functions included. */
  events(): readonly EventDefinition[]
  /** Files of the user's whose function is left out, and why; those of disabled functions too. */
  failures: readonly LoadFailure[]
  /** The user's functions that are disabled now. */
  disabled: Disabled
  /**
   * Looks whether the files of the user's functions have changed. Never throws.
   * @param withinMs Does not look where that was done so recently.
   * @returns Resolves once what has changed is in use; undefined where nothing has.
   */
  refresh?(withinMs?: number): Promise<void> | undefined
}

const defaultRetry: RetryPolicy = { limit: 3, minDelayMs: 200, maxDelayMs: 30_000 }

/**
 * Puts functions together.
 * @throws {UsageError} Two functions share a name, or an event is emitted that nobody takes.
 */
export function createRegistry(
  functions: readonly RegisteredFunction[],
  catalogue: ReadonlyMap<string, EventDefinition>,
  failures: readonly LoadFailure[] = [],
  disabled: Disabled = noneDisabled,
): Registry {
  const byName = new Map(functions.map((one) => [one.name, one]))
  const events = eventsOf(functions, catalogue)
  const byEvent = new Map<string, RegisteredFunction[]>()
  for (const one of functions) {
    for (const type of typesOf(one, events)) byEvent.set(type, [...(byEvent.get(type) ?? []), one])
  }
  for (const one of functions) {
    const flaw = flawOf(one, byName, byEvent)
    if (flaw) throw flaw
  }
  return {
    functions,
    get: (name) => byName.get(name),
    handlersOf(type, runId) {
      const all = byEvent.get(type) ?? []
      if (isSafe(runId)) return all.filter(({ guest }) => !guest)
      // Where there is no function of the user's, nothing is looked at.
      return all.some(({ guest }) => guest) ? all.filter((one) => !isDisabled(one, disabled)) : all
    },
    event: (type) => events.get(type),
    events: () => [...events.values()],
    failures,
    disabled,
  }
}

/** What is found among functions, found anew only when others are in use. */
export function foundIn<T>(
  registry: Pick<Registry, 'functions'>,
  find: (functions: readonly RegisteredFunction[]) => T,
): () => T {
  let known: { functions: readonly RegisteredFunction[]; found: T } | undefined
  return () => {
    const { functions } = registry
    if (known?.functions !== functions) known = { functions, found: find(functions) }
    return known.found
  }
}

/** hdsync's own functions cannot be disabled. */
export function isDisabled({ guest, name }: RegisteredFunction, disabled: Disabled): boolean {
  return guest !== undefined && disabled.has(name)
}

/** A function that does not fit the others. */
export class UnfitError extends UsageError {
  /** The file of the function. */
  readonly file: string

  constructor(file: string, message: string, hint: string) {
    super(message, { hint })
    this.file = file
  }
}

function eventsOf(functions: readonly RegisteredFunction[], catalogue: ReadonlyMap<string, EventDefinition>) {
  const events = new Map(catalogue)
  for (const { definition } of functions) {
    for (const event of [...definition.on, ...definition.emits]) {
      if (event !== anyFact && !events.has(event.type)) events.set(event.type, event)
    }
  }
  return events
}

function flawOf(
  { name, file, definition: { on, emits } }: RegisteredFunction,
  byName: ReadonlyMap<string, RegisteredFunction>,
  byEvent: ReadonlyMap<string, readonly RegisteredFunction[]>,
): UnfitError | undefined {
  const twin = byName.get(name)
  if (twin && twin.file !== file) {
    const files = `${file} and ${twin.file}`
    return new UnfitError(twin.file, `two functions are named ${name}: ${files}`, 'rename one of the files')
  }
  const [before, after] = [on.find(opensGate), on.find(({ gate }) => gate === 'after')]
  if (before && after) {
    const hint = `write two functions${before.gate === 'before' ? `, or one for ${before.type} that waits with snapshotTaken()` : ''}`
    return new UnfitError(file, `${name} handles both ${before.type} and ${after.type} (${file})`, hint)
  }
  const begins = emits.find(({ startsRun }) => startsRun)
  if (begins) {
    const hint = `start it instead, and leave it out of \`emits\`: run(received, { start }) { start(event, data, { delay: '10m' }) }`
    return new UnfitError(file, `${name} emits ${begins.type}, which begins a run (${file})`, hint)
  }
  const lost = emits.find(({ external, type }) => !external && !byEvent.has(type))
  if (!lost) return undefined
  const hint = 'write a function that takes it, or declare the event as external'
  return new UnfitError(file, `${name} emits ${lost.type}, which no function takes (${file})`, hint)
}

function typesOf({ definition: { on } }: RegisteredFunction, events: ReadonlyMap<string, EventDefinition>) {
  const facts = [...events.values()].filter(({ external }) => external && on.includes(anyFact))
  return new Set([...on.filter((event) => event !== anyFact), ...facts].map(({ type }) => type))
}

/**
 * Whether the chain goes on and ends without waiting for a function: one that says so, and each of the user's that does not
 * stand at a gate.
 */
export function isBeside(one: RegisteredFunction | undefined): boolean {
  if (!one) return false
  const { on, spec } = one.definition
  return spec.aside === true || (one.guest !== undefined && !on.some(({ gate }) => gate))
}

/** What a delivery is claimed with. A function of the user's at a gate comes with the chain, which waits for it. */
export function laneOf({ guest, definition: { spec } }: RegisteredFunction, { gate }: EventDefinition): Lane {
  if (guest && (spec.aside || !gate)) return 'guest'
  return spec.aside ? 'aside' : 'chain'
}

/** Completes a definition with its defaults. */
export function register(name: string, definition: FunctionDefinition, file = name): RegisteredFunction {
  const { spec } = definition
  const timeoutMs = parseDuration(spec.timeout ?? defaultTimeout(definition))
  if (timeoutMs === undefined) throw new UsageError(`${file}: timeout ${spec.timeout} is not a duration`)
  const retry = { ...defaultRetry, ...spec.retry }
  if (spec.schedule === undefined) return { name, file, definition, timeoutMs, retry }
  return { name, file, definition, timeoutMs, retry, schedule: scheduleOf(spec.schedule, file) }
}

/** @throws {UsageError} It is none, or one without a moment. */
function scheduleOf(text: string, file: string): Schedule {
  try {
    const schedule = parseSchedule(text)
    if (schedule.nextAfter(Date.now()) === undefined) throw new UsageError(`${text} never comes`)
    return schedule
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`${file}: ${error.message}`, { hint: error.hint, cause: error })
  }
}

/** At a gate the limit of the source decides: an hour at most before a snapshot and after it, a day before a copy. */
function defaultTimeout({ on }: FunctionDefinition): string {
  if (on.some(({ gate }) => gate === 'ready')) return '25h'
  return on.some(({ gate }) => gate === 'before') ? '3h' : '1m'
}
