import type {
  archiveWeekly,
  DataOf,
  Envelope,
  EventDefinition,
  RunResult,
  runStarted,
  runWarned,
  SourceResult,
  SourceState,
  snapshotMount,
  snapshotReleased,
  sourceArchived,
  sourceFailed,
  sourceSynced,
  sourceWarned,
  syncHeld,
  targetOpen,
} from '../../events/index.ts'
import { runEndTypes } from '../../events/types.ts'
import { count } from '../count.ts'
import { isoOf } from '../instant.ts'
import { heldText } from '../why-held.ts'

/**
 * How a run went, or how it stands, told from its events alone.
 * @param endedAt Milliseconds since the epoch; null while it is going on.
 */
export function summarise(
  events: readonly Envelope[],
  run: { id: string; startedAt: number },
  endedAt: number | null,
): RunResult {
  const end = events.find(({ type }) => runEndTypes.some((one) => one === type))
  if (end) return end.data as RunResult
  const names = all<typeof runStarted>(events, 'run.started').flatMap(({ sources }) => sources)
  const sources = names.map((name) =>
    summariseSource(
      name,
      events.filter(({ subject }) => subject === name),
    ),
  )
  return {
    run: run.id,
    state:
      endedAt === null
        ? 'running'
        : endState(sources, all<typeof runWarned>(events, 'run.warned').length > 0),
    startedAt: isoOf(run.startedAt),
    endedAt: endedAt === null ? null : isoOf(endedAt),
    sources,
  }
}

/** The result of a run whose events cannot be summed up: it has failed. */
export function unsummed(
  events: readonly Envelope[],
  run: { id: string; startedAt: number },
  endedAt: number,
  reason: string,
): RunResult {
  const [started] = all<typeof runStarted>(events, 'run.started')
  const names = (Array.isArray(started?.sources) ? started.sources : []).filter(isName)
  return {
    run: run.id,
    state: 'failed',
    startedAt: isoOf(run.startedAt),
    endedAt: isoOf(endedAt),
    sources: names.map((source) => nothingDone(source, 'failed', reason)),
  }
}

const isName = (name: unknown) => typeof name === 'string' && name.length > 0 && name.length <= 64

/** A source of which nothing was done, and why. */
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
  const synced = all<typeof sourceSynced>(events, 'source.synced').at(-1)
  const failed = all<typeof sourceFailed>(events, 'source.failed')[0]
  const held = all<typeof syncHeld>(events, 'sync.held').at(-1)
  const archived = all<typeof sourceArchived>(events, 'source.archived').at(-1)
  const used = all<typeof snapshotReleased>(events, 'snapshot.released').flatMap(
    ({ usedPercent }) => usedPercent ?? [],
  )
  const warnings = warningsOf(events).map(({ step, reason }) => (step ? `${step}: ${reason}` : reason))
  const archiving = all<typeof archiveWeekly>(events, 'archive.weekly').length > 0 && !archived

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
    mountTrials: all<typeof snapshotMount>(events, 'snapshot.mount').length,
    snapshotUsedPercent: used.length > 0 ? Math.max(...used) : null,
    filesTransferred: synced?.filesTransferred ?? null,
    bytesTransferred: synced?.bytesTransferred ?? null,
    filesDeleted: synced?.filesDeleted ?? null,
    archive: archived?.path ?? null,
    error,
  }
}

/**
 * Why a backup that was made counts as degraded.
 * @param events Of one source in one run.
 * @returns Without a step what the copy itself told of.
 */
export function warningsOf(events: readonly Envelope[]): { step?: string; reason: string }[] {
  const synced = all<typeof sourceSynced>(events, 'source.synced').at(-1)
  const latest = Math.max(...events.filter(isMount).map(({ attempt }) => attempt))
  const warned = events.filter((event) => isWarning(event) && stillMatters(event, latest))
  return [
    ...(synced?.warning ? [{ reason: synced.warning }] : []),
    ...warned.map(({ data }) => {
      const { step, reason } = data as DataOf<typeof sourceWarned>
      return { step, reason }
    }),
  ]
}

const warnedType: (typeof sourceWarned)['type'] = 'source.warned'
const isWarning = ({ type }: Envelope) => type === warnedType

/** A warning about a snapshot matters if that is the one that was copied; one about the target always does. */
function stillMatters({ attempt, data }: Envelope, latest: number): boolean {
  const step: (typeof targetOpen)['type'] = 'target.open'
  return attempt >= latest || (data as DataOf<typeof sourceWarned>).step === step
}

const mountType: (typeof snapshotMount)['type'] = 'snapshot.mount'
const isMount = ({ type }: Envelope) => type === mountType

function heldReason(held: DataOf<typeof syncHeld>): string {
  const { deleted } = held
  const what = heldText(held)
  return deleted > 0 ? `${what}: stopped after ${count(deleted)}` : `${what}: nothing was copied`
}

function all<E extends EventDefinition>(events: readonly Envelope[], wanted: E['type']): DataOf<E>[] {
  return events.filter(({ type }) => type === wanted).map(({ data }) => data as DataOf<E>)
}
