import { type Envelope, runEnds, runOverdue, runStarted, unitFailed } from '../../../events/index.ts'
import type { NotifyHook } from '../../config/notify.ts'
import { cutBytes, isTest, noticeOf } from './notice.ts'
import { expectSuccess, post } from './web-request.ts'

type HealthchecksHook = Extract<NotifyHook, { kind: 'healthchecks' }>

/** What such a service keeps of a body. */
const maxBytes = 100_000

/**
 * Pings a check of healthchecks.io, or of a service that speaks as it does: a run that began, went well (with
 * warnings or without) or did not. Other events say nothing about the check.
 * @throws {RetryableError} It was not accepted.
 * @see https://healthchecks.io/docs/http_api/
 */
export async function pingHealthchecks(
  hook: HealthchecksHook,
  event: Envelope,
  signal: AbortSignal,
): Promise<string> {
  const path = pathOf(event)
  if (path === undefined) return `nothing to say about ${event.type}`
  const url = new URL(hook.url)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`
  const { title, text } = noticeOf(event)
  const answer = await post({
    url,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'idempotency-key': event.id },
    body: cutBytes(`${title}\n\n${text}`, maxBytes),
    timeoutMs: hook.timeoutMs,
    signal,
    allowPrivate: hook.allowPrivate,
  })
  return expectSuccess(answer)
}

function pathOf(event: Envelope): string | undefined {
  // A test must not make anybody believe that there is a backup, nor that there is none.
  if (isTest(event)) return '/log'
  if (event.type === runStarted.type) return '/start'
  if (event.type === 'run.succeeded' || event.type === 'run.degraded') return ''
  return [...runEnds, runOverdue, unitFailed].some(({ type }) => type === event.type) ? '/fail' : undefined
}
