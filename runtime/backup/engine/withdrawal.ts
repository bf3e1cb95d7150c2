import { backupStart, type RunResult, readStored, runCancelled } from '../../../events/index.ts'
import type { EventBus, Publication } from '../../core/bus/bus.ts'
import { rootPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { isoOf } from '../../instant.ts'
import { notBegun } from '../../run-duration.ts'
import { nothingDone } from '../summary.ts'

/**
 * The end of a run that is cancelled before it has begun.
 * @param reason Who has cancelled it.
 */
export function cancelledRun(
  runId: string,
  reason: string,
  {
    bus,
    registry,
    config,
    now,
  }: { bus: EventBus; registry: Registry; config: { sources: Record<string, unknown> }; now: number },
): Publication {
  const [start] = bus.events({ runId, types: [backupStart.type], limit: 1 })
  const sources = readStored(backupStart, start?.data ?? {}).data?.sources
  const result: RunResult = {
    run: runId,
    state: 'cancelled',
    startedAt: isoOf(start ? Date.parse(start.time) : now),
    endedAt: isoOf(now),
    sources: (sources ?? Object.keys(config.sources)).map((source) =>
      nothingDone(source, 'cancelled', `${reason} ${notBegun}`),
    ),
  }
  return rootPublication(registry, runCancelled, result, { now, runId })
}
