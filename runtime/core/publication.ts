import { hash, randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { customAlphabet, nanoid } from 'nanoid'
import type * as z from 'zod'
import type { EventDefinition, InputOf } from '../../events/define.ts'
import type { Envelope } from '../../events/envelope.ts'
import { TerminalError } from '../errors.ts'
import { isoOf } from '../instant.ts'
import { heldBack, heldUntil, type Publication } from './bus/bus.ts'
import type { EmitOptions } from './function.ts'
import { isAttribute } from './origin.ts'
import { orderOf } from './registry/order.ts'
import { laneOf, type Registry } from './registry/registry.ts'

/** The CloudEvents `source` of every event that this box makes. */
export const eventSource = `/hdsync/${hostname()}`

const runIdLetters = '23456789abcdefghjkmnpqrstvwxyz'

/** Run ids go into LVM tags, paths and commands that people type: short, lower case, no look-alikes. */
export const newRunId: () => string = customAlphabet(runIdLetters, 10)

function newTrace(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
}

/**
 * The beginning of an event's id: the time of its parent, or its own if it has none. Ids of one time then lie side by side
 * in their index.
 */
function stampOf(ms: number): string {
  return ms.toString(36).padStart(9, '0')
}

function newEventId(now: number): string {
  return `${stampOf(now)}${nanoid(16)}`
}

/** The step that emits an event. */
export interface Parent {
  event: Envelope
  function: string
  phase: 'run' | 'giveUp' | 'dead'
  /** The event's place among what the step emits. */
  index: number
  /** How often the delivery was redriven. */
  generation: number
}

/** The data of an event does not fit its schema. */
export class InvalidDataError extends TerminalError {
  readonly issues: readonly Issue[]

  constructor(type: string, issues: readonly Issue[]) {
    const list = issues.map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`)
    super(`the data of ${type} does not fit its schema: ${list.join('; ')}`)
    this.issues = issues
  }
}

/** What is wrong with data, and where in it. */
export type Issue = Pick<z.core.$ZodIssue, 'path' | 'message'>

/** What an event from outside may say of itself. Its `time` is kept as `sendertime`: when it came, our clock tells. */
export type Origin = Partial<Pick<Envelope, 'id' | 'source' | 'subject' | 'time' | 'traceparent'>>

/** An event from outside: the first of a chain. */
export function rootPublication<E extends EventDefinition>(
  registry: Registry,
  event: E,
  data: InputOf<E>,
  { now, runId = newRunId(), origin = {} }: { now: number; runId?: string; origin?: Origin },
): Publication {
  const { id = newEventId(now), traceparent = newTrace(), time: sendertime, ...rest } = origin
  const sent = { ...rest, ...(sendertime !== undefined && { sendertime }) }
  return publicationOf(registry, event, data, { ...sent, id, traceparent, runid: runId, attempt: 1 }, now)
}

/** A fact that belongs to no run. */
export function factPublication<E extends EventDefinition>(
  registry: Registry,
  event: E,
  data: InputOf<E>,
  now: number,
): Publication {
  return publicationOf(registry, event, data, { id: newEventId(now), attempt: 1 }, now)
}

/**
 * An event that a handler emits. Its id is derived from the parent, the function and its place among what that emitted, so
 * that a repeated step cannot put it on the bus twice. What a redriven step emits is new.
 */
export function childPublication<E extends EventDefinition>(
  registry: Registry,
  event: E,
  data: InputOf<E>,
  parent: Parent,
  { attempt = 1, delayMs = 0 }: EmitOptions,
  now: number,
): Publication {
  const { source, id } = parent.event
  const round = parent.generation > 0 ? [parent.generation] : []
  const step = [source, id, parent.function, parent.phase, parent.index, ...round]
  // As text, which takes half as long as a Buffer. Four of its digits are three bytes.
  const digest = hash('sha256', JSON.stringify(step), 'base64url')
  const identity = {
    id: `${stampOf(Date.parse(parent.event.time))}${digest.slice(0, 16)}`,
    parentid: parent.event.id,
    attempt,
    ...(parent.event.runid && { runid: parent.event.runid }),
    ...(parent.event.traceparent && {
      traceparent: `${parent.event.traceparent.slice(0, 36)}${Buffer.from(digest.slice(16, 27), 'base64url').toString('hex')}-01`,
    }),
  }
  return publicationOf(registry, event, data, identity, now, delayMs)
}

/** What a handler says of a run that it starts. */
export interface StartWish extends Pick<NonNullable<Publication['dedupe']>, 'withinMs'> {
  delayMs: number
  /** What tells it from other starts of its event; undefined where it may stand beside any. */
  key: string | undefined
}

/**
 * The first event of a run that a handler starts: its ids follow from the step, as those of what it emits do. One that
 * takes its turn waits for that once its delay is over.
 */
export function startPublication<E extends EventDefinition>(
  registry: Registry,
  event: E,
  data: InputOf<E>,
  parent: Parent,
  { delayMs, key, withinMs }: StartWish,
  now: number,
): Publication {
  const asked = event.request.safeParse(data)
  if (!asked.success) throw new InvalidDataError(event.type, asked.error.issues)
  const child = childPublication(registry, event, data, parent, { delayMs }, now)
  const { parentid: _, ...envelope } = child.event
  const runid = runIdOf(`${envelope.source} ${envelope.id}`)
  const later = delayMs > 0 ? heldUntil(now + delayMs) : heldBack
  return {
    event: { ...envelope, runid },
    deliveries: child.deliveries.map((delivery) => ({
      ...delivery,
      ...(event.startsRun && { runAt: later }),
      ...orderOf(registry.get(delivery.function)?.definition, child.event.data, runid),
    })),
    ...(key !== undefined && { dedupe: { key, withinMs } }),
  }
}

/** A run id that is always the same for a text. */
function runIdOf(text: string): string {
  const bytes = hash('sha256', text, 'buffer')
  return Array.from(bytes.subarray(0, 10), (byte) => runIdLetters[byte % runIdLetters.length]).join('')
}

function publicationOf(
  registry: Registry,
  event: EventDefinition,
  input: unknown,
  identity: Pick<Envelope, 'id' | 'attempt'> & Partial<Omit<Envelope, 'time' | 'type' | 'data'>>,
  now: number,
  delayMs = 0,
): Publication {
  const parsed = event.schema.safeParse(input)
  if (!parsed.success) {
    throw new InvalidDataError(event.type, parsed.error.issues)
  }
  const data = parsed.data as Record<string, unknown> | null | undefined
  const about = data?.[event.subject]
  // An envelope that does not fit its schema could not be sent to any hook.
  const subject = typeof about === 'string' && isAttribute(about) ? { subject: about } : {}
  return {
    event: {
      specversion: '1.0',
      source: eventSource,
      type: event.type,
      time: isoOf(now),
      datacontenttype: 'application/json',
      ...subject,
      ...identity,
      data,
    },
    deliveries: registry.handlersOf(event.type, identity.runid).map((one) => ({
      function: one.name,
      lane: laneOf(one, event),
      ...orderOf(one.definition, data, identity.runid),
      // 0 is due whatever the clock says: it may be set back.
      runAt: delayMs > 0 ? now + delayMs : 0,
    })),
  }
}
