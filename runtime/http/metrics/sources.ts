import { type RunResult, runEnds, type SourceResult, sourceState } from '../../../events/index.ts'
import { tookMs } from '../../run-duration.ts'
import type { HttpEngine } from '../context.ts'
import type { MetricName, Sample } from './catalogue.ts'

type Store = Pick<HttpEngine, 'bus' | 'journal'>

/** How many ends of runs are read at first, and then at most. */
const pages = [20, 1000]
const endTypes = runEnds.map(({ type }) => type)

/** How each source fared in its last run, and the last run itself. */
export function sourceSamples(store: Store, sources: readonly string[]): Sample[] {
  const ends = readEnds(store, sources)
  return [
    ...sources.flatMap((source) => samplesOf(store, source, ends)),
    ...runSamples(ends[0]),
    { name: 'hdsync_runs_unended', labels: {}, value: store.journal.unended().length },
  ]
}

/** Results of runs, the newest first; as few as tell when each source was last backed up. */
function readEnds({ bus }: Store, sources: readonly string[]): RunResult[] {
  let results: RunResult[] = []
  for (const limit of pages) {
    results = bus.events({ types: endTypes, newestFirst: true, limit }).map(({ data }) => data as RunResult)
    if (results.length < limit || sources.every((name) => lastSuccess(results, name))) break
  }
  return results
}

function lastSuccess(results: readonly RunResult[], name: string): RunResult | undefined {
  return results.find(({ sources }) => sources.some((one) => one.source === name && isGood(one)))
}

const isGood = ({ state }: SourceResult) => state === 'succeeded' || state === 'degraded'

function samplesOf(store: Store, name: string, ends: readonly RunResult[]): Sample[] {
  const labels = { source: name }
  const sample = (metric: MetricName, value: number | null | undefined): Sample[] =>
    value === null || value === undefined ? [] : [{ name: metric, labels, value }]
  const success = secondsOf(lastSuccess(ends, name)?.endedAt) ?? 0
  const last = ends.find(({ sources }) => sources.some(({ source }) => source === name))
  const result = last?.sources.find(({ source }) => source === name)
  return [
    ...sample('hdsync_source_last_success_timestamp_seconds', success),
    ...(result ? sourceState.options : []).map((state): Sample => {
      const value = result?.state === state ? 1 : 0
      return { name: 'hdsync_source_last_state', labels: { source: name, state }, value }
    }),
    ...sample('hdsync_source_last_duration_seconds', last && durationSeconds(store, last.run, name)),
    ...sample('hdsync_source_last_transferred_bytes', result?.bytesTransferred),
    ...sample('hdsync_source_last_transferred_files', result?.filesTransferred),
    ...sample('hdsync_source_last_deleted_files', result?.filesDeleted),
    ...sample('hdsync_source_last_mount_trials', result?.mountTrials),
    ...sample('hdsync_source_last_snapshot_used_ratio', ratioOf(result?.snapshotUsedPercent)),
  ]
}

function durationSeconds({ bus }: Store, runId: string, source: string): number | undefined {
  const times = bus.events({ runId, subject: source }).map(({ time }) => Date.parse(time))
  return times.length > 0 ? (Math.max(...times) - Math.min(...times)) / 1000 : undefined
}

function ratioOf(percent: number | null | undefined): number | undefined {
  return typeof percent === 'number' ? percent / 100 : undefined
}

function runSamples(last: RunResult | undefined): Sample[] {
  if (!last?.endedAt) return []
  const ended = Date.parse(last.endedAt)
  const took = tookMs(last)
  const end: Sample = { name: 'hdsync_run_last_end_timestamp_seconds', labels: {}, value: ended / 1000 }
  return took === undefined
    ? [end]
    : [end, { name: 'hdsync_run_last_duration_seconds', labels: {}, value: took / 1000 }]
}

function secondsOf(time: string | null | undefined): number | undefined {
  return time ? Date.parse(time) / 1000 : undefined
}
