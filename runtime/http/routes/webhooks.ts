import { accept } from '../accept.ts'
import { readText } from '../body.ts'
import type { App, AppContext } from '../context.ts'
import { describe } from '../describe.ts'
import { Problem } from '../problem.ts'
import { Capacity } from '../security/capacity.ts'
import { eventOfCall } from '../webhooks.ts'
import { answer, receiptSchema } from './events.ts'

const mostAtOnce = 256

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
  const { config, secrets } = context
  const capacity = new Capacity(mostAtOnce, 'calls in hand')
  app.post('/webhooks/:name', description, async (c) => {
    const name = c.req.param('name')
    const settings = new Map(Object.entries(config.http?.webhooks ?? {})).get(name)
    const secret = secrets.webhooks.get(name)
    if (!settings || !secret)
      throw new Problem('unknown-webhook', `there is no webhook ${JSON.stringify(name)}`)
    const leave = capacity.enter()
    try {
      const event = eventOfCall(name, settings, secret, c.req.header(), await readText(c.req))
      return answer(await accept([event], context.engine), false)
    } finally {
      leave()
    }
  })
}
