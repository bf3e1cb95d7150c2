import type { Envelope } from '../../events/envelope.ts'
import type { NewDelivery, Publication } from '../../runtime/core/bus/bus.ts'

/** An event as the bus takes it. @param id Also its only data. */
export function event(id: string, fields: Partial<Envelope> = {}): Envelope {
  return {
    specversion: '1.0',
    id,
    source: '/hdsync/test',
    type: 'light.on',
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    attempt: 1,
    data: { id },
    ...fields,
  }
}

/** An event that function `f` is owed, at once. */
export function owed(
  id: string,
  delivery: Partial<NewDelivery> = {},
  fields?: Partial<Envelope>,
): Publication {
  return { event: event(id, fields), deliveries: [{ function: 'f', runAt: 0, ...delivery }] }
}
