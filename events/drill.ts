import * as z from 'zod'
import { defineEvent, type KeepNewest } from './define.ts'
import { name } from './parts.ts'
import { count } from './shapes.ts'

// A drill: a restore that is made to prove that it works. What is asked for, in its order, and how it ended.

const request = z.strictObject({
  /** All sources unless named. */
  source: name.optional(),
  /** Restores each of them whole, and not one of them in turn. */
  whole: z.boolean().optional(),
})

/** Begins a drill. It writes into `drill.scratch` alone, so anybody may ask for it who may start a run. */
export const drillStart = defineEvent('drill.start', request, {
  triggerable: true,
  startsRun: true,
  listed: false,
})

/** One source of a drill. */
const job = z.strictObject({ source: name, whole: z.boolean() })
export type DrillJob = z.output<typeof job>

/** How the drill of one source went. */
export const drillResult = z.lazy(() =>
  z.strictObject({
    source: name,
    state: z.enum(['proven', 'failed', 'cancelled']),
    /** The id of the restore point, and its path; null where there was none to restore. */
    point: z.string().nullable(),
    path: z.string().nullable(),
    whole: z.boolean(),
    /** What was restored and compared. */
    files: count,
    sizeBytes: count,
    /** Of how many files the contents were compared with a digest on record. */
    recorded: count,
    /** Whether a file was among them whose digest was taken from the source itself. */
    canary: z.boolean(),
    /** How long the restore took, without what it was compared with. */
    tookMs: count.nullable(),
    /** Functions of the user's that have judged it. */
    functions: z.array(z.string()),
    /** Why it is not proven, and what differs. */
    error: z.string().nullable(),
    differences: z.array(z.string()),
  }),
)
export type DrillResult = z.output<typeof drillResult>

/** What is still to be done, and how it went so far. */
const ahead = { rest: z.array(job), results: z.array(drillResult) }

/** Restores one source, or a sample of it, into the scratch folder, and compares it. */
export const drillRestore = defineEvent(
  'drill.restore',
  z.lazy(() => z.strictObject({ ...job.shape, ...ahead })),
)

/**
 * A source, or a sample of it, lies restored in `folder`, and equals what was recorded. Functions that handle this judge it:
 * where one of them fails, the drill fails. What they leave in the folder is removed with it.
 */
export const drillRestored = defineEvent(
  'drill.restored',
  z.lazy(() =>
    z.strictObject({
      source: name,
      folder: z.string(),
      /** The restore point, and when it was made. */
      point: z.string(),
      at: z.iso.datetime(),
      /** Whether all of the source is there, or a sample of it. */
      whole: z.boolean(),
      files: count,
      sizeBytes: count,
    }),
  ),
  { external: true, gate: 'verdict' },
)

/** Waits for what functions say of it. */
export const drillJudge = defineEvent(
  'drill.judge',
  z.lazy(() => z.strictObject({ source: name, result: drillResult, ...ahead })),
)

/** Removes what the drill of one source has left in the scratch folder, and goes on with the next. */
export const drillClean = defineEvent(
  'drill.clean',
  z.lazy(() => z.strictObject({ source: name, ...ahead })),
  {
    always: true,
  },
)

/** Unmounts what was mounted for the drill, and tells how it went. `error`: why it did not come about. */
export const drillFinish = defineEvent(
  'drill.finish',
  z.lazy(() => z.strictObject({ results: z.array(drillResult), error: z.string().nullable() })),
  { always: true },
)

/** What each source was proven by last. */
const lastProofs: KeepNewest = {
  count: 10,
  inEach: 'sources',
  per: ['source'],
  where: { key: 'state', in: ['proven'] },
}
const end = { external: true, endsRun: true, fleet: true, kept: lastProofs }

/** Everything that was restored is as it was recorded. */
export const drillFinished = defineEvent(
  'drill.finished',
  z.lazy(() => z.strictObject({ sources: z.array(drillResult) })),
  end,
)

/** A drill failed, or that of one of its sources. */
export const drillFailed = defineEvent(
  'drill.failed',
  z.lazy(() => z.strictObject({ reason: z.string(), sources: z.array(drillResult) })),
  end,
)

/**
 * No drill has gone well for twice as long as `drill.every` says. Told once, until one has.
 */
export const drillOverdue = defineEvent(
  'drill.overdue',
  z.lazy(() => z.strictObject({ lastProvenAt: z.iso.datetime().nullable(), everyMs: count })),
  { external: true, fleet: true },
)
