import { drillOverdue, runDegraded, runFailed, runHeld, runSucceeded } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { drillTurn } from '../../runtime/backup/proof/drill-due.ts'
import { drillEnds, drillsLookedAt } from '../../runtime/backup/proof/drill-history.ts'
import { isoOf } from '../../runtime/instant.ts'

/** Tells after a night when no drill has gone well for too long. Interrupted, it is done again. */
export default defineFunction({
  on: [runSucceeded, runDegraded, runHeld, runFailed],
  emits: [drillOverdue],
  aside: true,

  run(_received, { config, events, clock, emit }) {
    if (!config.drill) return
    const [told] = events.recent([drillOverdue], undefined, 1)
    const ends = events.recent(drillEnds, undefined, drillsLookedAt)
    const { overdue } = drillTurn(config, ends, told, clock.now())
    if (!overdue) return
    const { lastProvenAt } = overdue
    const at = lastProvenAt === undefined ? null : isoOf(lastProvenAt)
    emit(drillOverdue, { lastProvenAt: at, everyMs: config.drill.every })
  },
})
