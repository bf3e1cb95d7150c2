import { randomUUID } from 'node:crypto'
import type { Envelope, RunResult } from '../../events/index.ts'
import { eventSource, newRunId } from '../core/publication.ts'

const hourMs = 3_600_000

/**
 * An event that has not happened, to test a hook with. Its subject is `test`, and its data says `test: true`.
 * @param type The type of event; of those that end a run, the whole result of one is made up.
 */
export function sampleEvent(type: string, sources: readonly string[], now: number): Envelope {
  const run = newRunId()
  const data = type.startsWith('run.') ? sampleRun(type, run, sources, now) : sampleFact(type, sources)
  return {
    specversion: '1.0',
    id: `test-${randomUUID()}`,
    source: eventSource,
    type,
    subject: 'test',
    time: new Date(now).toISOString(),
    datacontenttype: 'application/json',
    runid: run,
    attempt: 1,
    data: { ...data, test: true },
  }
}

function sampleRun(type: string, run: string, sources: readonly string[], now: number): object {
  const ends: Record<string, RunResult['state']> = {
    'run.succeeded': 'succeeded',
    'run.degraded': 'degraded',
    'run.held': 'held',
    'run.failed': 'failed',
    'run.cancelled': 'cancelled',
  }
  const state = ends[type]
  if (!state || state === 'running') return sampleFact(type, sources)
  const result: RunResult = {
    run,
    state,
    startedAt: new Date(now - hourMs).toISOString(),
    endedAt: new Date(now).toISOString(),
    sources: sources.map((source) => ({
      source,
      state,
      mountTrials: 1,
      snapshotUsedPercent: 12.5,
      filesTransferred: 120,
      bytesTransferred: 1024 ** 3,
      filesDeleted: 3,
      archive: null,
      error: state === 'succeeded' ? null : 'this is a test',
    })),
  }
  return result
}

/** Data that fits an event of any other kind well enough to be read. */
function sampleFact(type: string, sources: readonly string[]): object {
  const source = sources[0] ?? 'test'
  if (type === 'run.started') return { sources }
  if (type === 'source.failed') return { source, step: 'sync.run', reason: 'this is a test' }
  if (type === 'sync.held') return sampleHold(source)
  return { reason: 'this is a test' }
}

function sampleHold(source: string): object {
  return { source, deletions: 900, files: 880, folders: 20, deleted: 0, mirrorFiles: 1000, limit: 500 }
}
