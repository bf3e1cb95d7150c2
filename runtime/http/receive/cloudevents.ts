import type { HonoRequest } from 'hono'
import * as z from 'zod'
import { envelopeSchema } from '../../../events/index.ts'
import { isPlain, plainRule, timeRule } from '../../core/origin.ts'
import { isSaneInstant } from '../../instant.ts'
import { type Flaw, Problem } from '../problem.ts'
import { parseJson } from './body.ts'

/** As many events as one batch may have. */
export const longestBatch = 100

const attribute = (schema: z.ZodString) => schema.refine(isPlain, { error: plainRule })

const { id, source, type, subject, time, traceparent } = envelopeSchema.shape

/** A CloudEvents 1.0 message as others send it: no more is looked at than hdsync keeps. */
export const cloudEventSchema = z.object({
  specversion: z.literal('1.0'),
  id: attribute(id),
  source: attribute(source),
  type,
  subject: attribute(subject.unwrap()).optional(),
  time: time
    .refine(isSaneInstant, { error: timeRule })
    .exactOptional()
    .describe(
      'Kept as it is (`sendertime`), and nothing is decided by it: an event came when hdsync took it.',
    ),
  datacontenttype: z
    .string()
    .refine(isJson, { error: 'application/json, the one kind of data that is taken' })
    .optional(),
  traceparent,
  data: z.unknown().optional(),
  data_base64: z.base64().optional(),
})

/** An event from outside, before it is known whether it may be put on the bus. */
export type IncomingEvent = Pick<
  z.output<typeof cloudEventSchema>,
  'id' | 'source' | 'type' | 'subject' | 'time' | 'traceparent'
> & { data: unknown }

export interface Message {
  events: IncomingEvent[]
  /** Whether it came as a list: a list is then answered. */
  batched: boolean
}

export const structuredType = 'application/cloudevents+json'
export const batchedType = 'application/cloudevents-batch+json'

/**
 * Reads what a request brings, in any of the three modes of the HTTP protocol binding.
 * @throws {Problem} It is no CloudEvents message, or one whose data is not JSON.
 * @see CloudEvents 1.0, "HTTP Protocol Binding", 3
 */
export function readMessage(request: HonoRequest, body: string): Message {
  const contentType = request.header('content-type') ?? ''
  const media = mediaType(contentType)
  if (media === batchedType) return { events: batchOf(parseJson(body)), batched: true }
  if (media === structuredType) return { events: [eventOf(parseJson(body), '')], batched: false }
  const headers = request.header()
  const isBinary = Object.keys(headers).some((name) => name.startsWith('ce-'))
  if (isBinary && (body === '' || isJson(contentType)))
    return { events: [binaryOf(headers, body)], batched: false }
  const taken = isBinary
    ? 'the data of an event has to be application/json'
    : `send ${structuredType}, ${batchedType}, or application/json with ce-* headers`
  throw new Problem('wrong-content-type', contentType ? `${contentType} is not taken: ${taken}` : taken)
}

function batchOf(value: unknown): IncomingEvent[] {
  if (!Array.isArray(value)) throw new Problem('invalid-event', 'a batch is a list of events')
  if (value.length > longestBatch) {
    throw new Problem('batch-too-long', `${value.length} events are too many: send ${longestBatch} at a time`)
  }
  return value.map((one, index) => eventOf(one, `/${index}`))
}

/** @param at Where the event is in the body, as a JSON Pointer. */
function eventOf(value: unknown, at: string): IncomingEvent {
  const parsed = cloudEventSchema.safeParse(withoutNulls(value))
  if (!parsed.success) throw invalid(parsed.error, at)
  const { specversion: _, datacontenttype: __, data_base64: encoded, data, ...event } = parsed.data
  if (encoded === undefined) return { ...event, data }
  return { ...event, data: parseJson(Buffer.from(encoded, 'base64').toString('utf8')) }
}

function binaryOf(headers: Record<string, string>, body: string): IncomingEvent {
  const attributes = Object.entries(headers)
    .filter(([name]) => name.startsWith('ce-'))
    .map(([name, value]) => [name.slice(3), percentDecoded(value)])
  const data = body === '' ? undefined : parseJson(body)
  return eventOf({ ...Object.fromEntries(attributes), data }, '')
}

/** An attribute that is not set may be there as null; data that is null is data. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  if (!Object.values(value).includes(null)) return value
  return Object.fromEntries(Object.entries(value).filter(([key, one]) => one !== null || key === 'data'))
}

/** Not every sender encodes: what is no encoded character (`100%`) is meant as it is. */
function percentDecoded(value: string): string {
  return value.replace(/(?:%[\da-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded)
    } catch {
      return encoded
    }
  })
}

/** Every flaw that a schema found, as JSON Pointers below `at`. */
function flawsOf(error: z.ZodError, at: string): Flaw[] {
  return error.issues.map(({ path, message }) => ({ pointer: pointerTo(at, path), detail: message }))
}

/** A JSON Pointer to what is at a path below another one. @see RFC 6901 */
export function pointerTo(at: string, path: readonly PropertyKey[]): string {
  return [at, ...path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'))].join('/')
}

function invalid(error: z.ZodError, at: string): Problem {
  const errors = flawsOf(error, at)
  const [first] = errors
  return new Problem('invalid-event', `${first?.pointer || 'the event'}: ${first?.detail}`, { errors })
}

function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
}

function isJson(contentType: string): boolean {
  return /^(?:application|text)\/(?:[\w.-]+\+)?json$/.test(mediaType(contentType))
}
