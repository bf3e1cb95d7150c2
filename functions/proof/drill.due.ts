import {
  drillOverdue,
  drillStart,
  runDegraded,
  runFailed,
  runHeld,
  runSucceeded,
} from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { decideDrill } from '../../runtime/backup/proof/drill-due.ts'
import { drillEnds, drilled } from '../../runtime/backup/proof/drill-history.ts'
import { drillsLookedAt } from '../../runtime/backup/proof/drill-source.ts'
import { isoOf } from '../../runtime/instant.ts'

/** Starts a drill after a night when it is time for one, and tells of it when none has gone well for too long. */
export default defineFunction({
  on: [runSucceeded, runDegraded, runHeld, runFailed],
  emits: [drillOverdue],
  aside: true,

  run(_received, { config, events, clock, emit, start }) {
    const { drill } = config
    if (!drill) return
    const [told] = events.recent([drillOverdue], undefined, 1)
    const [oldest] = events.recent(drillEnds, undefined, drillsLookedAt).toReversed()
    const { isDue, overdue } = decideDrill({
      sources: Object.keys(config.sources),
      history: drilled(events.recent(drillEnds, undefined, drillsLookedAt)),
      everyMs: drill.every,
      now: clock.now(),
      toldAt: told && Date.parse(told.time),
      firstAskedAt: oldest && Date.parse(oldest.time),
    })
    if (isDue) start(drillStart, {}, { dedupe: true })
    if (!overdue) return
    const { lastProvenAt } = overdue
    const at = lastProvenAt === undefined ? null : isoOf(lastProvenAt)
    emit(drillOverdue, { lastProvenAt: at, everyMs: drill.every })
  },
})
