import { dataOf, slotAwaited, slotTaken } from '../../../events/index.ts'
import type { EventBus } from '../../core/bus/bus.ts'

/** A run that waits for a slot of a backup server. Moments are ISO 8601. */
export interface SlotWait {
  run: string
  server: string
  until: string
}

/** Few runs wait at a time; of those that were cancelled meanwhile the record is kept. */
const lookedAt = 20

/** The run that waits, the oldest of several. @param unended Runs that have not ended. */
export function slotWaitIn(bus: Pick<EventBus, 'events'>, unended: readonly string[]): SlotWait | undefined {
  if (unended.length === 0) return undefined
  const waits = bus.events({ types: [slotAwaited.type], newestFirst: true, limit: lookedAt })
  const open = waits.filter(
    ({ runid = '' }) =>
      unended.includes(runid) && bus.events({ runId: runid, types: [slotTaken.type], limit: 1 }).length === 0,
  )
  const event = open.at(-1)
  const data = event && dataOf(slotAwaited, event)
  return data && { run: event.runid ?? '', ...data }
}
