import {
  backupStart,
  drillFailed,
  drillStart,
  type RunResult,
  readStored,
  restoreFailed,
  restoreStart,
  runCancelled,
} from '../../../events/index.ts'
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

/**
 * The end of a run that is no backup and is cancelled before it has begun.
 * @returns Nothing for a run that no event ends.
 */
export function endOfWithdrawn(
  runId: string,
  reason: string,
  { bus, registry, now }: { bus: EventBus; registry: Registry; now: number },
): Publication[] {
  const [start] = bus.events({ runId, types: [restoreStart.type, drillStart.type], limit: 1 })
  const text = `${reason} ${notBegun}`
  if (start?.type === drillStart.type)
    return [rootPublication(registry, drillFailed, { reason: text, sources: [] }, { now, runId })]
  const { source, request } = (start && readStored(restoreStart, start.data).data) ?? {}
  if (source === undefined || !request) return []
  const failed = { source, root: request.root, id: null, reason: text, missing: [] }
  return [rootPublication(registry, restoreFailed, failed, { now, runId })]
}
