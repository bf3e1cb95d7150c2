import { deadLettered, type Envelope } from '../../../events/index.ts'
import type { Delivery, Publication } from '../../core/bus/bus.ts'
import type { Clock } from '../../core/clock.ts'
import { childPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'

/**
 * What is told of a delivery that becomes a dead letter, in the transaction that makes it one. Nothing where it was
 * itself about a dead letter: two hooks that cannot be reached would tell each other of it for ever.
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

/** What a hook was to be told of, if that is what the event asks for. */
function toldOf({ type, data }: Envelope): { hook?: string; event?: Partial<Envelope> } | undefined {
  return type.startsWith('notify.') ? (data as { hook?: string; event?: Partial<Envelope> }) : undefined
}
