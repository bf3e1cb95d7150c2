import { backupStart } from '../../events/index.ts'
import type { Warning } from './warnings.ts'

/** `allowDeletions` in the data of a webhook: version 0.1 took it. An upgrade costs no night, so it is left out now. */
const key = 'allowDeletions'

interface Webhook {
  event: string
  data: Record<string, unknown>
}

type Http = { webhooks: Record<string, Webhook> }

/** The data of a webhook, without what permits nothing any more. */
export function withoutAllowance({ event, data }: { event: string; data: object }): Record<string, unknown> {
  if (event !== backupStart.type) return { ...data }
  return Object.fromEntries(Object.entries(data).filter(([name]) => name !== key))
}

export function withoutAllowances<T extends Http>(http: T): T {
  const webhooks = Object.entries(http.webhooks).map(
    ([name, webhook]) => [name, { ...webhook, data: withoutAllowance(webhook) }] as const,
  )
  return { ...http, webhooks: Object.fromEntries(webhooks) }
}

/** Says of each webhook that was to permit deletions that it does not. */
export function allowancesIn(http: Http | undefined): Warning[] {
  return Object.entries(http?.webhooks ?? {}).flatMap(([name, { event, data }]) =>
    event === backupStart.type && Object.hasOwn(data, key)
      ? [
          {
            path: ['http', 'webhooks', name, 'data', key],
            message: `${key} permits nothing any more and is left out; a held sync is let go on by \`hdsync release\``,
          },
        ]
      : [],
  )
}
