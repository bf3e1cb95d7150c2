import { Webhook } from 'standardwebhooks'
import type { Envelope } from '../../../events/index.ts'
import type { NotifyHook } from '../../config/notify.ts'
import { ConfigError } from '../../config/problem.ts'
import { readSecret } from '../../config/secret.ts'
import { HookGoneError } from '../../errors.ts'
import { expectSuccess, post } from './web-request.ts'

type WebhookHook = Extract<NotifyHook, { kind: 'webhook' }>

/**
 * Posts an event as a CloudEvent in structured mode, signed as Standard Webhooks. The message's id is the event's,
 * so that a receiver knows one that comes twice.
 * @throws {RetryableError} It was not accepted.
 * @throws {HookGoneError} The receiver wants no more of them (410).
 * @see https://www.standardwebhooks.com
 */
export async function sendWebhook(hook: WebhookHook, event: Envelope, signal: AbortSignal): Promise<string> {
  const body = JSON.stringify(event)
  const sentAt = new Date()
  const signatures = (await readWebhookKeys(hook.secretFile)).map((key) => key.sign(event.id, sentAt, body))
  const answer = await post({
    url: new URL(hook.url),
    headers: {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': event.id,
      'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
      'webhook-signature': signatures.join(' '),
    },
    body,
    timeoutMs: hook.timeoutMs,
    signal,
    allowPrivate: hook.allowPrivate,
  })
  if (answer.status === 410) throw new HookGoneError(`${answer.said}: nothing more is sent to it`)
  return expectSuccess(answer)
}

/**
 * The keys that sign: one, or several while one is being replaced by another.
 * @throws {ConfigError} The file is not that of a secret for webhooks.
 */
export async function readWebhookKeys(file: string): Promise<Webhook[]> {
  const secret = await readSecret(file)
  return secret.split(/\s*\n\s*/).map((line) => {
    const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? []
    const bytes = base64 === undefined ? 0 : Buffer.from(base64, 'base64').length
    if (bytes >= 24 && bytes <= 64) return new Webhook(line)
    const found = base64 === undefined ? 'something else' : `${bytes} bytes`
    const hint = `make one: (umask 077; echo "whsec_$(openssl rand -base64 32)" > ${file})`
    throw new ConfigError([{ file, key: '', expected: 'whsec_ and 24 to 64 bytes in base64', found, hint }])
  })
}
