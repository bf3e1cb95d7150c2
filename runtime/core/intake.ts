import {
  backupJoined,
  backupStart,
  type DataOf,
  type Envelope,
  type EventDefinition,
  type InputOf,
  readStored,
} from '../../events/index.ts'
import type { Config } from '../config/config.ts'
import { checkSources } from '../config/lookup.ts'
import { didYouMean } from '../config/nearest.ts'
import { UsageError } from '../errors.ts'
import { heldBack, type Publication } from './bus/bus.ts'
import { flawOf } from './origin.ts'
import { InvalidDataError, type Issue, type Origin, rootPublication } from './publication.ts'
import type { Registry } from './registry/registry.ts'

/** An event that somebody outside asks hdsync to take. */
export interface Submission extends Origin {
  type: string
  data?: unknown
}

/** What became of it. */
export interface Receipt {
  runId: string
  eventId: string
  /** It was there already, under the same `source` and `id`; `runId` is the run of that one. */
  duplicate: boolean
  /** A run that was asked for before, for the same, and had not begun: `runId` is that one. */
  joined?: true
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
 * The first event of a chain, from what somebody outside has sent. A run is held back until it is its turn.
 * @throws {RejectedEventError} The type may not be triggered, or its data or what it says of itself does not fit.
 */
export function publicationOf(
  { type, data, ...origin }: Submission,
  registry: Registry,
  options: { now: number; runId?: string },
): Publication {
  const flaw = flawOf(origin)
  if (flaw) {
    const message = `${flaw.path}: expected ${flaw.message}`
    throw new RejectedEventError('invalid-event', message, { issues: [flaw] })
  }
  const definition = triggerable(type, registry)
  const publication = fitting(type, () => {
    const request = definition.request.safeParse(data ?? {})
    if (!request.success) throw new InvalidDataError(type, request.error.issues)
    return rootPublication(registry, definition, data ?? {}, { ...options, origin })
  })
  return type === backupStart.type ? inTurn(publication) : publication
}

/** The first event of a run that goes beyond limits: what `publicationOf` takes from nobody. */
export function releasePublication(
  data: InputOf<typeof backupStart>,
  registry: Registry,
  { now, origin = {} }: { now: number; origin?: Origin | undefined },
): Publication {
  return inTurn(rootPublication(registry, backupStart, data, { now, origin }))
}

/** It waits until it is its turn. */
function inTurn(publication: Publication): Publication {
  return {
    ...publication,
    deliveries: publication.deliveries.map((delivery) => ({ ...delivery, runAt: heldBack })),
  }
}

function fitting(type: string, make: () => Publication): Publication {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof InvalidDataError)) throw error
    const { message, issues } = error
    throw new RejectedEventError('invalid-data', message, { issues, hint: hintFor(type, issues) })
  }
}

/** Senders of version 0.1 could permit deletions. */
function hintFor(type: string, issues: readonly Issue[]): string | undefined {
  const keys = issues.flatMap((issue) => ('keys' in issue ? (issue.keys as string[]) : []))
  const isRelease =
    type === backupStart.type && keys.some((key) => ['allowDeletions', 'releases'].includes(key))
  return isRelease ? 'a held sync is let go on by `hdsync release ID`, or POST /held/ID/release' : undefined
}

/**
 * Refuses a run of sources that are not in the config.
 * @throws {RejectedEventError} Each with its place.
 */
export function checkRequest({ event }: Publication, config: Config): void {
  if (event.type !== backupStart.type) return
  const { sources = [] } = event.data as DataOf<typeof backupStart>
  try {
    checkSources(sources, config)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const { message, hint } = error
    throw new RejectedEventError('invalid-data', message, { hint, issues: [{ path: ['sources'], message }] })
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

/**
 * What is put on the bus for an event that asks for what a waiting run will do: its id, so that it is taken once. What it
 * is about was there before that run begins.
 */
export function joining({ event }: Publication, run: string): Publication {
  const { runid: _, ...rest } = event
  return { event: { ...rest, type: backupJoined.type, data: { run } }, deliveries: [] }
}

/** The run that an event belongs to, by what was put on the bus for it. */
export function runOf(event: Envelope | undefined): string {
  if (event?.type !== backupJoined.type) return event?.runid ?? ''
  return readStored(backupJoined, event.data).data?.run ?? ''
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
