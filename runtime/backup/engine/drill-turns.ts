import { drillOverdue } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { Journal } from '../../core/bus/journal.ts'
import { drillTurn } from '../proof/drill-due.ts'
import { drillEnds, drillsLookedAt } from '../proof/drill-history.ts'

/** The kind of runs that restore to prove it. */
const drillKind = 'drill'

interface Past {
  bus: Pick<EventBus, 'events'>
  journal: Pick<Journal, 'unended' | 'run'>
}

/** Whether a drill is to be made now, after a night: `drill.every` has passed, and nobody is at one. */
export function isDrillDue(
  config: Pick<Config, 'drill' | 'sources'>,
  { bus, journal }: Past,
  now: number,
): boolean {
  if (journal.unended().some((id) => journal.run(id)?.kind === drillKind)) return false
  const newest = (types: string[], limit: number) => bus.events({ types, newestFirst: true, limit })
  const types = drillEnds.map(({ type }) => type)
  return drillTurn(config, newest(types, drillsLookedAt), newest([drillOverdue.type], 1)[0], now).isDue
}
