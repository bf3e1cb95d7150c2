import { type DataOf, syncDismissed } from '../../../events/index.ts'
import { UsageError } from '../../errors.ts'
import { type Hold, type HoldsOf, waitingHolds } from './holds.ts'

/** That a hold is not to be released, as an event. */
export interface Dismissal {
  type: typeof syncDismissed.type
  data: DataOf<typeof syncDismissed>
}

/**
 * What says that the holds which a person means are not to be released.
 * @param id A source, the id of a hold, or a run.
 * @throws {NothingHeldError} None of them waits.
 * @throws {UsageError} One has no id, as of version 0.1.
 */
export function dismissalsOf(of: HoldsOf, id: string): Dismissal[] {
  return waitingHolds(of, id).map(dismissalOf)
}

function dismissalOf({ source, facts: { hold } }: Hold): Dismissal {
  if (hold !== undefined) return { type: syncDismissed.type, data: { source, hold } }
  throw new UsageError(`the hold of ${source} has no id`, { hint: `hdsync run ${source} looks again` })
}
