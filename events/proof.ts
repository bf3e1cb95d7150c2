import * as z from 'zod'
import { defineEvent } from './define.ts'
import { name, requestedSources } from './parts.ts'
import { count } from './shapes.ts'

// A verification: what is asked for, in its order, and what came of it.

/** How much may be read at most; what is not given stands in the config, and without that there is no limit. */
const limits = {
  budgetMs: z.int().positive().optional(),
  bytes: z.int().positive().optional(),
}

/** Begins to read backups again. `all`: without limits, and also what was read in this turn. */
export const verifyStart = defineEvent(
  'verify.start',
  z.lazy(() => z.strictObject({ sources: requestedSources, ...limits, all: z.boolean().default(false) })),
  { triggerable: true, startsRun: true, listed: false },
)

/** How far it may go: until when (milliseconds since the epoch), and how many bytes more; null without a limit. */
const step = {
  sources: z.array(name),
  all: z.boolean(),
  until: z.int().nullable(),
  bytesLeft: z.int().nullable(),
  /** Bytes that have been read so far. */
  read: count.default(0),
  /** Sources whose mirrors are through with, or of which nothing can be told. */
  skipped: z.array(name).default([]),
}

/** Chooses what is read next. */
export const verifyNext = defineEvent(
  'verify.next',
  z.lazy(() => z.strictObject(step)),
)

/** Reads an archive. `file` tells it from any other that comes to stand in its place. */
export const verifyArchive = defineEvent(
  'verify.archive',
  z.lazy(() => z.strictObject({ ...step, source: name, path: z.string(), file: z.string() })),
)

/** Compares a mirror with its newest archive. */
export const verifyMirror = defineEvent(
  'verify.mirror',
  z.lazy(() => z.strictObject({ ...step, source: name })),
)

/** Unmounts what was mounted for it, and tells how it went. */
export const verifyFinish = defineEvent(
  'verify.finish',
  z.lazy(() =>
    z.strictObject({ error: z.string().nullable(), cancelled: z.boolean(), bytes: count.optional() }),
  ),
)

const fact = { external: true }

/** An archive was read whole and is what was written. `isNew`: nothing was on record of it, it is proven from now on. */
export const archiveProven = defineEvent(
  'archive.proven',
  z.lazy(() =>
    z.strictObject({
      source: name,
      path: z.string(),
      file: z.string(),
      sizeBytes: count,
      sha256: z.string(),
      isNew: z.boolean(),
    }),
  ),
  fact,
)

/**
 * So much of a mirror was read and compared with its archive, or with its source where there is none; `complete`: this was the
 * last of it. `unproven`: files of which nothing can be told, as no archive has them, and the source has changed them since or the mirror has lost
 * them.
 */
export const mirrorProven = defineEvent(
  'mirror.proven',
  z.lazy(() =>
    z.strictObject({
      source: name,
      files: count,
      bytes: count,
      complete: z.boolean(),
      unproven: count.optional(),
    }),
  ),
  fact,
)

/** Paths below the source, the first hundred of them; bytes that are no UTF-8 are replaced. */
const files = { count, paths: z.array(z.string()) }

/** Files of a mirror had rotted, and were replaced: archive and source agree on what they have to hold. */
export const mirrorHealed = defineEvent(
  'mirror.healed',
  z.lazy(() => z.strictObject({ source: name, ...files })),
  fact,
)

/**
 * Files of a mirror and its archive differ, or of a mirror and its source (`live`), and nobody can tell which is right. Nothing
 * was changed.
 */
export const mirrorDoubtful = defineEvent(
  'mirror.doubtful',
  z.lazy(() =>
    z.strictObject({
      source: name,
      mirror: z.string(),
      archive: z.string().optional(),
      live: z.string().optional(),
      reason: z.string(),
      ...files,
    }),
  ),
  fact,
)

const end = { external: true, endsRun: true, fleet: true }

/** A verification has ended: all that it was to read, or all that the budget allowed. */
export const verifyFinished = defineEvent(
  'verify.finished',
  z.lazy(() =>
    z.strictObject({
      state: z.enum(['succeeded', 'degraded', 'cancelled']),
      /** Archives that were read whole, files of mirrors that were compared, and what was read in all. */
      archives: count,
      files: count,
      bytes: count,
      healed: count,
      damaged: z.array(z.string()),
      /** Archives that were found to be damaged earlier, and still stand. */
      known: z.array(z.string()),
      doubtful: count,
      /** Files of mirrors of which nothing can be told. */
      unproven: count.default(0),
      /** Why the state is not `succeeded`. */
      reason: z.string().nullable(),
    }),
  ),
  end,
)

/** A verification did not come about. */
export const verifyFailed = defineEvent(
  'verify.failed',
  z.lazy(() => z.strictObject({ reason: z.string() })),
  end,
)
