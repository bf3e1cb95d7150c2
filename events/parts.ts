import * as z from 'zod'
import { runStates } from './run-states.ts'

/** The name of a source or a target, as written in the config. */
export const name = z.string().min(1).max(64)

/**
 * The sources whose turn comes after this one on the same target. It travels along the chain, so that one
 * source after the other is snapshotted and copied: a snapshot costs every write on the live volume as long
 * as it lives, and two copies at once only make one disk's heads travel.
 */
export const rest = z.array(name).default([])

/** The sources that a run is asked for: all that are configured, unless named. */
export const requestedSources = z.array(name).min(1).optional()

/** What anybody may ask for who may start a run. */
export const backupRequest = z.lazy(() => z.strictObject({ sources: requestedSources }))
export type BackupRequest = z.input<typeof backupRequest>

/** An LVM snapshot of ours. */
export const snapshot = z.lazy(() => z.strictObject({ vg: z.string(), lv: z.string() }))

export const sourceState = z.enum([
  'waiting',
  'running',
  'succeeded',
  'degraded',
  'held',
  'failed',
  'cancelled',
])
export type SourceState = z.output<typeof sourceState>

/** How one source fared: the public shape that `run --json` and `show --json` print. */
export const sourceResult = z.lazy(() => {
  const count = z.int().min(0)
  return z.strictObject({
    source: name,
    state: sourceState,
    /** Attempts to mount a snapshot; 0 for a plain directory. */
    mountTrials: count,
    /** Peak use of the snapshot's room; null without a snapshot, or with a thin one. */
    snapshotUsedPercent: z.number().nullable(),
    filesTransferred: count.nullable(),
    bytesTransferred: count.nullable(),
    filesDeleted: count.nullable(),
    /** Path of the archive that was written, null without one. */
    archive: z.string().nullable(),
    /** Why the state is not `succeeded`. */
    error: z.string().nullable(),
  })
})
export type SourceResult = z.output<typeof sourceResult>

export const runState = z.enum(runStates)

/** How a run went. Times are ISO 8601 in UTC. */
export const runResult = z.lazy(() =>
  z.strictObject({
    run: z.string(),
    /** `backup`, or the type of the event that it began with; stands in what is shown, not in events. */
    kind: z.string().optional(),
    state: runState,
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    sources: z.array(sourceResult),
    /** Why a run that is no backup did not end well; of a backup its sources say so. */
    error: z.string().nullable().optional(),
  }),
)
export type RunResult = z.output<typeof runResult>
