import { deadLettered, type Envelope } from '../../../events/index.ts'
import type { Delivery, Publication } from '../../core/bus/bus.ts'
import type { Clock } from '../../core/clock.ts'
import { childPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'

/**
 * `dead.lettered`, in the transaction that makes a delivery a dead letter. Nothing for deliveries about a dead letter: two
 * unreachable hooks would report each other for ever.
 */
export function deadLetters(
  { event, function: name, tries, generation }: Delivery,
  reason: string,
  { registry, clock }: { registry: Registry; clock: Clock },
): Publication[] {
  const told = toldOf(event)
  if ([event.type, told?.event?.type].includes(deadLettered.type)) return []
  const data = {
    function: name,
    event: event.id,
    type: event.type,
    source: told ? told.event?.subject : event.subject,
    hook: told?.hook,
    tries,
    reason,
  }
  return [
    childPublication(
      registry,
      deadLettered,
      data,
      { event, function: name, phase: 'dead', index: 0, generation },
      {},
      clock.now(),
    ),
  ]
}

/** The hook and the event of a notification. */
function toldOf({ type, data }: Envelope): { hook?: string; event?: Partial<Envelope> } | undefined {
  return type.startsWith('notify.') ? (data as { hook?: string; event?: Partial<Envelope> }) : undefined
}
