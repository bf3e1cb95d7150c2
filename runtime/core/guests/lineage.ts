import type { Envelope } from '../../../events/envelope.ts'
import { TerminalError } from '../../errors.ts'
import type { EventBus } from '../bus/bus.ts'
import { eventSource } from '../publication.ts'
import type { Registry } from '../registry/registry.ts'

/** So many events that functions of the user's emit may follow from one another. */
const deepestLineage = 100
/** A run of hdsync's own is a long lineage too; of more than that no more is looked at. */
const longestWalk = 2000

/**
 * Stops a chain of the user's functions that feeds itself.
 * @param event What the function handled, and what its events would follow from.
 * @throws {TerminalError} It follows from so many that one more is too many.
 */
export function refuseDeep(
  event: Envelope,
  bus: Pick<EventBus, 'find'>,
  { functions }: Pick<Registry, 'functions'>,
): void {
  const types = new Set(
    functions.flatMap(({ guest, definition }) => (guest ? definition.emits.map(({ type }) => type) : [])),
  )
  let depth = 0
  let one: Envelope | undefined = event
  for (let steps = 0; one && steps < longestWalk; steps++) {
    if (types.has(one.type)) depth++
    if (depth >= deepestLineage) {
      throw new TerminalError(
        `${event.type} is the last of ${deepestLineage} events that follow from one another: does a chain of functions feed itself?`,
      )
    }
    one = one.parentid === undefined ? undefined : bus.find(eventSource, one.parentid)
  }
}
