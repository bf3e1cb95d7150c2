import { resolver } from 'hono-openapi'
import * as z from 'zod'
import { backupRequest } from '../../../events/index.ts'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { batchedType, cloudEventSchema, longestBatch, structuredType } from '../receive/cloudevents.ts'
import { takeEvents } from '../receive/take.ts'

/** What became of an event that was sent. */
export const receiptSchema = z.object({
  run: z.string().describe('The run that the event belongs to.'),
  id: z.string().describe('The id of the event.'),
  duplicate: z
    .boolean()
    .describe('It was there already, under its `source` and `id`: nothing was done again.'),
  joined: z
    .literal(true)
    .optional()
    .describe('A run that was asked for before, with the same data, and has not begun: that one is `run`.'),
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
      'application/json': { schema: resolver(backupRequest) },
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
  app.post('/events', description, (c) => takeEvents(c, context))
}
