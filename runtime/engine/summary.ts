import {
  archiveWeekly,
  type DataOf,
  type Envelope,
  type EventDefinition,
  type RunResult,
  runEnds,
  runStarted,
  runWarned,
  type SourceResult,
  type SourceState,
  snapshotMount,
  snapshotReleased,
  sourceArchived,
  sourceFailed,
  sourceSynced,
  sourceWarned,
  syncHeld,
} from '../../events/index.ts'

/**
 * How a run went, or how it stands, told from its events alone.
 * @param endedAt Milliseconds since the epoch; null while it is going on.
 */
export function summarise(
  events: readonly Envelope[],
  run: { id: string; startedAt: number },
  endedAt: number | null,
): RunResult {
  const end = events.find(({ type }) => runEnds.some((one) => one.type === type))
  if (end) return end.data as RunResult
  const names = all(events, runStarted).flatMap(({ sources }) => sources)
  const sources = names.map((name) =>
    summariseSource(
      name,
      events.filter(({ subject }) => subject === name),
    ),
  )
  return {
    run: run.id,
    state: endedAt === null ? 'running' : endState(sources, all(events, runWarned).length > 0),
    startedAt: new Date(run.startedAt).toISOString(),
    endedAt: endedAt === null ? null : new Date(endedAt).toISOString(),
    sources,
  }
}

/** A source of which nothing has come about, and why. */
export function nothingDone(source: string, state: SourceState, error: string): SourceResult {
  return { ...summariseSource(source, []), state, error }
}

/** The worst of the sources decides; what somebody asked for comes before what happened by itself. */
function endState(sources: readonly SourceResult[], warned: boolean): RunResult['state'] {
  const states = new Set(sources.map(({ state }) => state))
  for (const state of ['cancelled', 'failed', 'held', 'degraded'] as const)
    if (states.has(state)) return state
  // A source that never came to an end was not backed up.
  if (sources.length === 0 || states.has('waiting') || states.has('running')) return 'failed'
  return warned ? 'degraded' : 'succeeded'
}

function summariseSource(source: string, events: readonly Envelope[]): SourceResult {
  const synced = all(events, sourceSynced).at(-1)
  const failed = all(events, sourceFailed)[0]
  const held = all(events, syncHeld).at(-1)
  const archived = all(events, sourceArchived).at(-1)
  const used = all(events, snapshotReleased).flatMap(({ usedPercent }) => usedPercent ?? [])
  const trial = Math.max(...events.filter(isMount).map(({ attempt }) => attempt))
  const warnings = [
    ...(synced?.warning ? [synced.warning] : []),
    // Of the snapshot that was copied; what was odd about earlier ones is no matter any more.
    ...all(
      events.filter(({ attempt }) => attempt >= trial),
      sourceWarned,
    ).map(({ step, reason }) => `${step}: ${reason}`),
  ]
  const archiving = all(events, archiveWeekly).length > 0 && !archived

  let state: SourceState = events.length === 0 ? 'waiting' : 'running'
  let error: string | null = null
  if (failed) {
    state = failed.cancelled ? 'cancelled' : 'failed'
    error = `${failed.step}: ${failed.reason}`
  } else if (held) {
    state = 'held'
    error = heldReason(held)
  } else if (synced && !archiving) {
    state = warnings.length > 0 ? 'degraded' : 'succeeded'
    error = warnings.length > 0 ? warnings.join('; ') : null
  }
  return {
    source,
    state,
    mountTrials: all(events, snapshotMount).length,
    snapshotUsedPercent: used.length > 0 ? Math.max(...used) : null,
    filesTransferred: synced?.filesTransferred ?? null,
    bytesTransferred: synced?.bytesTransferred ?? null,
    filesDeleted: synced?.filesDeleted ?? null,
    archive: archived?.path ?? null,
    error,
  }
}

const isMount = ({ type }: Envelope) => type === snapshotMount.type

function heldReason({ deletions, deleted, mirrorFiles, limit }: DataOf<typeof syncHeld>): string {
  const what = `would delete ${deletions} of ${mirrorFiles} files in the mirror, ${limit} are allowed`
  return deleted > 0 ? `${what}: stopped after ${deleted}` : `${what}: nothing was copied`
}

function all<E extends EventDefinition>(events: readonly Envelope[], definition: E): DataOf<E>[] {
  return events.filter(({ type }) => type === definition.type).map(({ data }) => data as DataOf<E>)
}
