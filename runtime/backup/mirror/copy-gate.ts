import { sourceAfter, sourceBefore } from '../../../events/index.ts'
import type { Emit, EventLog } from '../../core/function.ts'
import { reasonOf } from '../../errors.ts'

/**
 * Tells the functions at the gate of a directory how its copy went, if its `source.before` has been told of.
 * @param error Why it was not made.
 */
export function closeSourceGate(
  source: string,
  error: Error | undefined,
  { events, emit }: { events: Pick<EventLog, 'ofRun'>; emit: Emit<readonly [typeof sourceAfter]> },
): void {
  const before = events.ofRun(sourceBefore).findLast(({ data }) => data.source === source)
  if (!before) return
  const end = error ? { copied: false, reason: reasonOf(error) } : { copied: true }
  emit(sourceAfter, { source, before: before.event.id, ...end })
}
