import type { Envelope } from '../../../events/index.ts'
import type { NotifyHook } from '../../config/notify.ts'
import { readSecret } from '../../config/secret.ts'
import { cutBytes, noticeOf, type Urgency } from './notice.ts'
import { expectSuccess, post } from './web-request.ts'

type NtfyHook = Extract<NotifyHook, { kind: 'ntfy' }>

const priorities = { min: 1, low: 2, default: 3, high: 4, max: 5 }

const byUrgency: Record<Urgency, { priority: keyof typeof priorities; tag: string }> = {
  good: { priority: 'low', tag: 'white_check_mark' },
  news: { priority: 'low', tag: 'information_source' },
  warning: { priority: 'default', tag: 'warning' },
  bad: { priority: 'high', tag: 'rotating_light' },
}

/** Longer messages are turned into attachments. */
const maxBytes = 3500

/**
 * Publishes an event as a message of ntfy. It goes as JSON, since headers hold no letters beyond ASCII.
 * @throws {RetryableError} It was not accepted.
 * @see https://docs.ntfy.sh/publish/#publish-as-json
 */
export async function sendNtfy(hook: NtfyHook, event: Envelope, signal: AbortSignal): Promise<string> {
  const { title, text, urgency } = noticeOf(event)
  const { priority, tag } = byUrgency[urgency]
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'idempotency-key': event.id,
  }
  if (hook.tokenFile) headers.authorization = `Bearer ${await readSecret(hook.tokenFile)}`
  const answer = await post({
    url: new URL(hook.url),
    headers,
    body: JSON.stringify({
      topic: hook.topic,
      title: hook.title ?? title,
      message: cutBytes(hook.title === undefined ? text : `${title}\n\n${text}`, maxBytes),
      priority: priorities[hook.priority ?? priority],
      tags: [tag, ...hook.tags],
    }),
    timeoutMs: hook.timeoutMs,
    signal,
    allowPrivate: hook.allowPrivate,
  })
  return expectSuccess(answer)
}
