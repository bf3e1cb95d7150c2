import { type Webhook, WebhookVerificationError } from 'standardwebhooks'
import type { Config } from '../../config/config.ts'
import { Problem } from '../problem.ts'
import type { IncomingEvent } from './cloudevents.ts'

type WebhookSettings = NonNullable<Config['http']>['webhooks'][string]

/**
 * Turns a signed call into the event that the config names for it. Its id is the call's own: a call that is
 * repeated is an event that is there already.
 * @throws {Problem} The signature is not by our secret, or the call is more than five minutes old or ahead.
 * @see https://www.standardwebhooks.com
 */
export function eventOfCall(
  name: string,
  { event, data }: WebhookSettings,
  secret: Webhook,
  headers: Record<string, string>,
  body: string,
): IncomingEvent {
  try {
    secret.verify(body, headers, { jsonParse: false })
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error
    throw new Problem(
      'bad-signature',
      `${error.message}: the call has to be signed as Standard Webhooks says`,
    )
  }
  const id = headers['webhook-id'] ?? ''
  if (id.length > longestId)
    throw new Problem('invalid-event', `webhook-id is longer than ${longestId} characters`)
  return { id, source: `/hdsync/webhooks/${name}`, type: event, data }
}

const longestId = 256
