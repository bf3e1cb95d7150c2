import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { takeCall } from '../receive/take.ts'
import { receiptSchema } from './events.ts'

const header = (name: string, description: string) =>
  ({ name, in: 'header', required: true, description, schema: { type: 'string' } }) as const

const description = describe('callWebhook', {
  summary: 'Call a webhook of the config',
  description:
    'The call is signed as Standard Webhooks says, and becomes the event that the config names; its body is not looked at. The signature stands in the place of the token.',
  open: true,
  parameters: [
    {
      name: 'name',
      in: 'path',
      required: true,
      description: 'Its name in the config.',
      schema: { type: 'string' },
    },
    header('webhook-id', 'The same for each repetition of a call.'),
    header('webhook-timestamp', 'Seconds since 1970; five minutes off at most.'),
    header('webhook-signature', '`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.'),
  ],
  answers: {
    200: { description: 'The call was there already.', schema: receiptSchema },
    202: { description: 'Taken.', schema: receiptSchema },
  },
  problems: [
    'malformed-body',
    'invalid-event',
    'bad-signature',
    'unknown-webhook',
    'body-too-large',
    'busy',
    'unavailable',
  ],
})

export function webhookRoutes(app: App, context: AppContext): void {
  app.post('/webhooks/:name', description, (c) => takeCall(c.req.param('name'), c, context))
}
