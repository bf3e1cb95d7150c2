import type { Handler } from 'hono'
import { resolver } from 'hono-openapi'
import * as z from 'zod'
import { backupStart } from '../../../events/index.ts'
import { type Accepted, accept } from '../accept.ts'
import { readText } from '../body.ts'
import { batchedType, cloudEventSchema, longestBatch, readMessage, structuredType } from '../cloudevents.ts'
import type { App, AppContext, AppEnv } from '../context.ts'
import { describe } from '../describe.ts'
import { clientOf } from '../guard.ts'
import { respondJson } from '../respond.ts'
import { Capacity } from '../security/capacity.ts'

/** Bodies that may be in memory at once: 64 MiB of them, at the worst. */
const mostAtOnce = 1024

/** What became of an event that was sent. */
export const receiptSchema = z.object({
  run: z.string().describe('The run that the event belongs to.'),
  id: z.string().describe('The id of the event.'),
  duplicate: z
    .boolean()
    .describe('It was there already, under its `source` and `id`: nothing was done again.'),
})

const event = cloudEventSchema.describe(
  'A CloudEvents 1.0 message. Extensions but `traceparent` are ignored.',
)

const description = describe('sendEvent', {
  summary: 'Put events on the bus',
  description: `CloudEvents 1.0 in the binary, structured or batched mode (at most ${longestBatch} events), up to 64 KiB. Either all events of a batch are taken, or none. What is answered for is on the disk.`,
  requestBody: {
    required: true,
    content: {
      [structuredType]: { schema: resolver(event) },
      [batchedType]: { schema: resolver(z.array(event).max(longestBatch)) },
      'application/json': { schema: resolver(backupStart.schema) },
    },
  },
  answers: {
    200: { description: 'All were there already.', schema: receiptSchema.or(z.array(receiptSchema)) },
    202: {
      description: 'Taken. A batch is answered with a list.',
      schema: receiptSchema.or(z.array(receiptSchema)),
    },
  },
  problems: [
    'malformed-body',
    'invalid-event',
    'not-triggerable',
    'body-too-large',
    'batch-too-long',
    'wrong-content-type',
    'unknown-event-type',
    'invalid-data',
    'busy',
    'unavailable',
  ],
})

export function eventRoutes(app: App, context: AppContext): void {
  const capacity = new Capacity(mostAtOnce, 'events in hand')
  const take: Handler<AppEnv> = async (c) => {
    const leave = capacity.enter()
    try {
      const { events, batched } = readMessage(c.req, await readText(c.req))
      if (events.length > 1) context.rateLimit.charge(clientOf(c.env), events.length - 1)
      const accepted = await accept(events, context.engine, batched)
      return answer(accepted, batched)
    } finally {
      leave()
    }
  }
  // Described on the handler itself: as a middleware before it, the description would take its time at every event.
  app.post('/events', Object.assign(take, description))
}

/** 202 for what was taken; 200 when there was nothing new. */
export function answer(accepted: readonly Accepted[], batched: boolean): Response {
  const status = accepted.some(({ duplicate }) => !duplicate) ? 202 : 200
  const [first] = accepted
  const location = !batched && first && { location: `/runs/${first.run}` }
  return respondJson(batched ? accepted : first, status, location || {})
}
