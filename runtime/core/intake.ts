import type { EventDefinition } from '../../events/define.ts'
import type { Envelope } from '../../events/envelope.ts'
import { UsageError } from '../errors.ts'
import { didYouMean } from '../nearest.ts'
import { heldBack, type Publication } from './bus/bus.ts'
import { flawOf } from './origin.ts'
import { InvalidDataError, type Issue, type Origin, rootPublication } from './publication.ts'
import type { Registry } from './registry/registry.ts'

/** An event from outside. */
export interface Submission extends Origin {
  type: string
  data?: unknown
}

/** What became of it. */
export interface Receipt {
  runId: string
  eventId: string
  /** An event with this `source` and `id` was there already; `runId` is its run. */
  duplicate: boolean
  /** It joined a run that was asked for before and had not begun: `runId` is that one. */
  joined?: true
}

export interface IntakeOptions {
  now: number
  runId?: string
  hintFor?: (type: string, issues: readonly Issue[]) => string | undefined
}

/** Why an event from outside is not taken. */
export class RejectedEventError extends UsageError {
  readonly reason: 'unknown-type' | 'not-triggerable' | 'invalid-data' | 'invalid-event'
  /** What is wrong with the data, or with the envelope. */
  readonly issues: readonly Issue[]

  constructor(
    reason: RejectedEventError['reason'],
    message: string,
    { hint, issues = [] }: { hint?: string | undefined; issues?: readonly Issue[] } = {},
  ) {
    super(message, { hint })
    this.reason = reason
    this.issues = issues
  }
}

/**
 * The first event of a chain, from a submission. A run is held back until its turn.
 * @param options.hintFor The hint for data that does not fit.
 * @throws {RejectedEventError} The type may not be triggered, or its data or what it says of itself does not fit.
 */
export function publicationOf(
  { type, data, ...origin }: Submission,
  registry: Registry,
  { hintFor = () => undefined, ...options }: IntakeOptions,
): Publication {
  const flaw = flawOf(origin)
  if (flaw) {
    const message = `${flaw.path}: expected ${flaw.message}`
    throw new RejectedEventError('invalid-event', message, { issues: [flaw] })
  }
  const definition = triggerable(type, registry)
  const publication = fitting(type, hintFor, () => {
    const request = definition.request.safeParse(data ?? {})
    if (!request.success) throw new InvalidDataError(type, request.error.issues)
    return rootPublication(registry, definition, data ?? {}, { ...options, origin })
  })
  return definition.startsRun ? inTurn(publication) : publication
}

/** Holds an event back until its turn. */
export function inTurn(publication: Publication): Publication {
  return {
    ...publication,
    deliveries: publication.deliveries.map((delivery) => ({ ...delivery, runAt: heldBack })),
  }
}

function fitting(
  type: string,
  hintFor: NonNullable<IntakeOptions['hintFor']>,
  make: () => Publication,
): Publication {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof InvalidDataError)) throw error
    const { message, issues } = error
    throw new RejectedEventError('invalid-data', message, { issues, hint: hintFor(type, issues) })
  }
}

function triggerable(type: string, registry: Registry): EventDefinition {
  const definition = registry.event(type)
  if (definition?.triggerable) return definition
  const allowed = registry.events().flatMap((event) => (event.triggerable ? event.type : []))
  const list = `events that may be triggered: ${allowed.join(', ')}`
  if (!definition) {
    const near = didYouMean(type, allowed)
    throw new RejectedEventError('unknown-type', `there is no event ${JSON.stringify(type)}`, {
      hint: near ?? list,
    })
  }
  throw new RejectedEventError('not-triggerable', `${type} may not be triggered from outside`, { hint: list })
}

/** Whether it waits for its turn, so that others can join it. */
export function isHeldBack({ deliveries }: Publication): boolean {
  return deliveries.length > 0 && deliveries.every(({ runAt }) => runAt === heldBack)
}

/** Puts events on the bus; those that come in the same turn of the loop share one commit. */
export class Intake {
  readonly #publish: (publications: readonly Publication[]) => Promise<boolean[]>
  #waiting: { publication: Publication; answer: PromiseWithResolvers<boolean> }[] = []

  constructor(publish: (publications: readonly Publication[]) => Promise<boolean[]>) {
    this.#publish = publish
  }

  /** @returns Whether the event was taken, once it is on the disk; false when it was there already. */
  put(publication: Publication): Promise<boolean> {
    const answer = Promise.withResolvers<boolean>()
    if (this.#waiting.length === 0) setImmediate(() => void this.#flush())
    this.#waiting.push({ publication, answer })
    return answer.promise
  }

  /** A run that is about to be put on the bus, with the same commit, and begins with the same. */
  like({ type, data }: Envelope): string | undefined {
    const text = JSON.stringify(data)
    const twin = this.#waiting.find(
      ({ publication: { event } }) => event.type === type && JSON.stringify(event.data) === text,
    )
    return twin?.publication.event.runid
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    try {
      const taken = await this.#publish(batch.map(({ publication }) => publication))
      for (const [index, { answer }] of batch.entries()) answer.resolve(taken[index] ?? false)
    } catch (error) {
      for (const { answer } of batch) answer.reject(error)
    }
  }
}
