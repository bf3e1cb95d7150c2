import type { Envelope } from '../../events/envelope.ts'
import type { EventBus, Settlement } from './bus/bus.ts'
import type { Clock } from './clock.ts'
import type { Verdict } from './function.ts'
import type { RegisteredFunction, Registry } from './registry/registry.ts'

interface VerdictsOptions {
  bus: Pick<EventBus, 'open'>
  registry: Registry
  clock: Clock
}

interface Said {
  runId: string | undefined
  /** By function: why it failed, undefined where it did not. */
  by: Map<string, string | undefined>
}

const pollMs = 100

/**
 * What functions say of an event that they judge. It is kept in memory alone: after a crash the run is ended, not continued.
 */
export class Verdicts {
  readonly #options: VerdictsOptions
  /** By the id of the event. */
  readonly #said = new Map<string, Said>()

  constructor(options: VerdictsOptions) {
    this.#options = options
  }

  /** The functions that judge events of a type, but for those that no run waits for. */
  judges(type: string, runId: string | undefined): readonly string[] {
    const { registry } = this.#options
    return namedHandlers(registry, type, runId).flatMap(({ name, definition: { spec } }) =>
      spec.aside ? [] : name,
    )
  }

  /** Waits until all that judge an event have ended. */
  async of({ id, type, runid = '' }: Envelope, signal: AbortSignal): Promise<Verdict> {
    const { bus, clock } = this.#options
    const by = this.judges(type, runid)
    const isOwed = () =>
      bus.open(runid).some(({ eventId, function: name }) => eventId === id && by.includes(name))
    while (by.length > 0 && isOwed()) {
      signal.throwIfAborted()
      await new Promise<void>((resolve) => clock.schedule(pollMs, resolve))
    }
    const said = this.#said.get(id)?.by ?? new Map<string, string | undefined>()
    const problems = by.flatMap((name) => {
      if (!said.has(name)) return `${name} did not handle it`
      const error = said.get(name)
      return error === undefined ? [] : `${name} failed: ${error}`
    })
    return { by, problem: problems.length > 0 ? problems.join('; ') : undefined }
  }

  /** Notes how a function has ended that handles such an event. @returns What is to be recorded. */
  note(settlement: Settlement): Settlement {
    const { outcome, delivery, attempt } = settlement
    const { id, runid } = delivery.event
    if (outcome === 'retry' || outcome === 'keyed') return settlement
    // Runs are serial: what was said in earlier ones is not asked for any more.
    for (const [event, { runId }] of this.#said) if (runId !== runid) this.#said.delete(event)
    const said = this.#said.get(id) ?? { runId: runid, by: new Map() }
    said.by.set(delivery.function, outcome === 'done' ? undefined : (attempt.error ?? outcome))
    this.#said.set(id, said)
    return settlement
  }
}

/** Functions that name an event; those on any fact (notifications) do not count. */
export function namedHandlers(
  registry: Registry,
  type: string,
  runId: string | undefined,
): readonly RegisteredFunction[] {
  return registry
    .handlersOf(type, runId)
    .filter(({ definition: { on } }) => on.some((event) => event.type === type))
}
