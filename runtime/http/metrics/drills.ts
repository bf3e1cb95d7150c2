import { drillEnds, drilled, drillsLookedAt, lastProven } from '../../backup/proof/drill-history.ts'
import type { HttpEngine } from '../context.ts'
import type { Sample } from './catalogue.ts'

const types = drillEnds.map(({ type }) => type)

/** How the last drill of each source went. @param isMade Whether drills are made at all: nothing without. */
export function drillSamples(
  { bus }: Pick<HttpEngine, 'bus'>,
  sources: readonly string[],
  isMade: boolean,
): Sample[] {
  if (!isMade) return []
  const history = drilled(bus.events({ types, newestFirst: true, limit: drillsLookedAt }))
  return sources.flatMap((source): Sample[] => {
    const labels = { source }
    const last = history.find(({ result }) => result.source === source)
    const seconds = (ms: number | undefined) => (ms ?? 0) / 1000
    return [
      { name: 'hdsync_last_drill_timestamp_seconds', labels, value: seconds(last?.at) },
      { name: 'hdsync_last_drill_success', labels, value: last?.result.state === 'proven' ? 1 : 0 },
      {
        ...{ name: 'hdsync_last_proven_restore_timestamp_seconds', labels },
        value: seconds(lastProven(history, source)),
      },
    ]
  })
}
