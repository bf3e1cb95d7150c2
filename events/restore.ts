import * as z from 'zod'
import { defineEvent } from './define.ts'
import { name } from './parts.ts'
import { count } from './shapes.ts'

// A restore: what is asked for, in its order, and how it ended.

/** What is brought back, and where to. `paths` are in base64, as names may be of any bytes. */
const wanted = z.strictObject({
  do: z.literal('restore'),
  /** The id of the restore point. */
  point: z.string(),
  paths: z.array(z.base64()).min(1),
  /** The folder that takes the place of the source's. */
  root: z.string(),
  isNew: z.boolean(),
  deletes: z.boolean(),
  exclude: z.array(z.string()),
  owners: z.enum(['keep', 'names', 'me']),
  /** Of the plan that was shown. */
  hash: z.string(),
  /** So many deletions are permitted beyond the limit of the source. */
  allowDeletions: count.optional(),
})

/** An earlier restore is taken back, or one that was cut off goes on. */
const earlier = { root: z.string(), id: z.string() }

export const restoreRequest = z.lazy(() =>
  z.discriminatedUnion('do', [
    wanted,
    z.strictObject({ do: z.literal('undo'), ...earlier }),
    z.strictObject({ do: z.literal('resume'), ...earlier }),
  ]),
)
export type StoredRestoreRequest = z.output<typeof restoreRequest>

/** Begins a restore. It carries the hash of a plan that was shown: nobody can ask for it with an event. */
export const restoreStart = defineEvent(
  'restore.start',
  z.lazy(() => z.strictObject({ source: name, request: restoreRequest })),
  { startsRun: true, listed: false },
)

const step = { source: name, root: z.string(), id: z.string() }

/** Unpacks what is to be put in place, beside it. */
export const restoreUnpack = defineEvent(
  'restore.unpack',
  z.lazy(() =>
    z.strictObject({
      ...step,
      /** What it takes. */
      sizeBytes: count.optional(),
    }),
  ),
)

/** Puts what was unpacked in its place. `missing`: what could not be read. */
export const restorePlace = defineEvent(
  'restore.place',
  z.lazy(() => z.strictObject({ ...step, missing: z.array(z.string()) })),
)

/** Unmounts what was mounted for it, and tells how the restore went. */
export const restoreFinish = defineEvent(
  'restore.finish',
  z.lazy(() =>
    z.strictObject({
      source: name,
      root: z.string(),
      id: z.string().nullable(),
      missing: z.array(z.string()),
      error: z.string().nullable(),
    }),
  ),
)

const fact = { external: true, endsRun: true }

/** Everything that was asked for is there. `id` is what `hdsync restore --undo` takes; null where nothing was there before. */
export const restoreFinished = defineEvent(
  'restore.finished',
  z.lazy(() => z.strictObject({ source: name, root: z.string(), id: z.string().nullable() })),
  fact,
)

/** A restore did not come about, or not all of it: `missing` could not be read. */
export const restoreFailed = defineEvent(
  'restore.failed',
  z.lazy(() =>
    z.strictObject({
      source: name,
      root: z.string(),
      id: z.string().nullable(),
      reason: z.string(),
      missing: z.array(z.string()),
    }),
  ),
  fact,
)
