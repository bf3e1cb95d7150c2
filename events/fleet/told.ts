import type { Envelope } from '../envelope.ts'

const prefix = 'fleet.'

/** What a host has told its hub, as the host itself would tell of it; its data may be anything. Undefined for any other event. */
export function toldByHost(event: Envelope): { host: string; event: Envelope } | undefined {
  if (!event.type.startsWith(prefix)) return undefined
  const { host, run, data } = event.data as { host: string; run?: string | null; data?: unknown }
  if (data === undefined) return undefined
  return {
    host,
    event: { ...event, type: event.type.slice(prefix.length), data, ...(run && { runid: run }) },
  }
}
