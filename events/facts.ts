import * as z from 'zod'
import { defineEvent, type KeepNewest } from './define.ts'
import { name, runResult, snapshot } from './parts.ts'
import { copiedShape, count, fileSystem, keptArchive } from './shapes.ts'

// What has happened. Facts are `external`: people and programs outside may listen, no function has to.

const fact = { external: true }
/** The last success of each source tells how old its backup is; some before it, how its nights were. */
const lastSuccesses: KeepNewest = {
  count: 10,
  inEach: 'sources',
  per: ['source'],
  where: { key: 'state', in: ['succeeded', 'degraded'] },
}
const end = { external: true, endsRun: true, fleet: true, kept: lastSuccesses }

/** The run was accepted, with these sources. */
export const runStarted = defineEvent('run.started', z.strictObject({ sources: z.array(name) }), fact)

/**
 * A snapshot could not be mounted; another one is taken while attempts are left. `kernel` is what the kernel
 * said at that moment.
 */
export const snapshotRefused = defineEvent(
  'snapshot.refused',
  z.lazy(() =>
    z.strictObject({ source: name, reason: z.string(), kernel: z.array(z.string()), attemptsLeft: count }),
  ),
  fact,
)

/** A snapshot filled up before the copy had ended; a larger one is taken while attempts are left. */
export const snapshotOverflowed = defineEvent(
  'snapshot.overflowed',
  z.strictObject({ source: name, sizeBytes: count, attemptsLeft: count }),
  fact,
)

/** A snapshot was made larger, as it was filling up. */
export const snapshotExtended = defineEvent(
  'snapshot.extended',
  z.strictObject({ source: name, fromBytes: count, toBytes: count }),
  fact,
)

/** A snapshot of ours is gone. `usedPercent` is null for a thin one. */
export const snapshotReleased = defineEvent(
  'snapshot.released',
  z.lazy(() =>
    z.strictObject({
      source: name,
      snapshot,
      sizeBytes: count.nullable(),
      usedPercent: z.number().nullable(),
    }),
  ),
  fact,
)

/**
 * A sync was not begun, as it would delete or change more than the source's limits, or the source lies on another file
 * system than before; the mirror is untouched. Where the source lost its files when the copy had begun, it was stopped
 * instead, after `deleted` of the `deletions`.
 */
export const syncHeld = defineEvent(
  'sync.held',
  z.lazy(() =>
    z.strictObject({
      source: name,
      deletions: count,
      deleted: count.default(0),
      mirrorFiles: count,
      limit: count,
      /** Names this hold, for its release. Without it, as in events of version 0.1, it cannot be released. */
      hold: z.string().optional(),
      reason: z.enum(['deletions', 'changes', 'file-system']).optional(),
      /** What would go; where the copy was stopped, what is left of that. */
      files: count.optional(),
      folders: count.optional(),
      /** SHA-256 of the names, sorted, each ended by a NUL; those of files that would be changed begin with a slash. */
      digest: z.string().optional(),
      /** The folders in which most of it lies, the fullest first. */
      byFolder: z
        .array(z.strictObject({ path: z.string(), files: count, folders: count, whole: z.boolean() }))
        .optional(),
      /** Files that would get other contents, where those are too many, of `mirrorFiles` regular files. */
      changes: z
        .strictObject({
          files: count,
          limit: count,
          mirrorFiles: count,
          byFolder: z.array(z.strictObject({ path: z.string(), files: count })),
        })
        .optional(),
      /** Where the source lay at the last good copy, and where it lies now. */
      fileSystem: z.strictObject({ was: fileSystem, is: fileSystem }).optional(),
    }),
  ),
  fact,
)

/**
 * A copy changed many more files than is usual for its source: `usual` are the most that a night before did, null where too
 * little is known. Or it is held (`held`), as it would change more than `limit`; or it has changed more, as they changed
 * while it was made. Until `sync.meant` nothing of the source is pruned; a copy that is held is waited for instead.
 */
export const syncUnusual = defineEvent(
  'sync.unusual',
  z.lazy(() =>
    z.strictObject({
      source: name,
      changed: count,
      files: count,
      usual: count.nullable(),
      limit: count.optional(),
      held: z.literal(true).optional(),
    }),
  ),
  { ...fact, kept: { per: ['source'] } },
)

/** Somebody has said that what was unusual about the copies of a source was meant. */
export const syncMeant = defineEvent('sync.meant', z.strictObject({ source: name }), {
  ...fact,
  triggerable: true,
  kept: { per: ['source'] },
})

/**
 * Somebody has said that a held sync is not to go on: its hold waits no more, and nothing was deleted. The next copy of the source
 * looks anew.
 */
export const syncDismissed = defineEvent(
  'sync.dismissed',
  z.strictObject({ source: name, hold: z.string() }),
  { ...fact, triggerable: true, fleet: true, kept: { per: ['source'] } },
)

/**
 * A mirror took bytes from a snapshot that was found unreadable afterwards; it is not to be trusted, and not
 * archived, until the next good sync.
 */
export const mirrorSuspect = defineEvent(
  'mirror.suspect',
  z.lazy(() => z.strictObject({ source: name, reason: z.string(), mirror: z.string().optional() })),
  fact,
)

/**
 * A mirror equals its source. `warning` says what was left out, if anything was. `unchanged`: it did so already, in
 * everything that is copied, and nothing was written to it. `mirror`, `read` and `boot` tell later runs which files they
 * have to compare by content.
 */
export const sourceSynced = defineEvent(
  'source.synced',
  z.lazy(() =>
    z.strictObject({
      source: name,
      ...copiedShape,
      /** The uptime of the machine, as random(4) names it. */
      boot: z.string().optional(),
    }),
  ),
  // The next sync goes on from the last one to each mirror.
  { ...fact, kept: { per: ['source', 'mirror'] } },
)

/**
 * An archive was written, or found in an earlier one, verified and put in place. What is optional tells later archives
 * whether they would be the same.
 */
export const sourceArchived = defineEvent(
  'source.archived',
  z.lazy(() =>
    z.strictObject({
      source: name,
      path: z.string(),
      sizeBytes: count,
      /** Of the file, in hexadecimal digits. */
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .optional(),
      /** Another one means that the mirror, or how it is archived, has changed since. */
      basis: z.string().optional(),
      /** Tells the file from any other that comes to stand in its place. */
      file: z.string().optional(),
      /** The mirror has not changed since an archive was written then: this is that one. */
      unchangedSince: z.iso.datetime().optional(),
      /** The archive whose blocks it shares; without it, it is the one that has been there. */
      linkedFrom: z.string().optional(),
      /** The archive from which so many of its bytes were taken as they stand there, as they have not changed. */
      takenFrom: z.string().optional(),
      takenBytes: count.optional(),
      /** The room on its disk when it stood there. */
      disk: z.strictObject({ freeBytes: count, totalBytes: count }).optional(),
    }),
  ),
  { ...fact, kept: { per: ['source'] } },
)

/**
 * Which archives of a source lie in the folder `kept`, and what has changed about that. `waits`: why nothing was removed
 * although something may be due.
 */
export const sourceKept = defineEvent(
  'source.kept',
  z.lazy(() =>
    z.strictObject({
      source: name,
      kept: z.array(keptArchive),
      /** Paths that are new, and those that were removed. */
      added: z.array(z.string()),
      pruned: z.array(z.string()),
      waits: z.string().optional(),
    }),
  ),
  { ...fact, kept: { per: ['source'] } },
)

/** An archive is not what was written. That is true of all names of the file. */
export const archiveDamaged = defineEvent(
  'archive.damaged',
  z.lazy(() => z.strictObject({ source: name, path: z.string(), file: z.string(), reason: z.string() })),
  { ...fact, fleet: true, kept: { per: ['source', 'file'] } },
)

/** A source's backup, or a part of it, did not come about. `step` is the event whose handling failed. */
export const sourceFailed = defineEvent(
  'source.failed',
  z.lazy(() =>
    z.strictObject({
      source: name,
      step: z.string(),
      reason: z.string(),
      cancelled: z.boolean().default(false),
      /** Names what is behind it, where that decides what to do. */
      cause: z.string().optional(),
    }),
  ),
  fact,
)

/** A source's backup was made, but not as it was asked for: it counts as degraded. */
export const sourceWarned = defineEvent(
  'source.warned',
  z.strictObject({ source: name, step: z.string(), reason: z.string() }),
  fact,
)

/** Something went wrong that spoils no backup, but that somebody should know. */
export const runWarned = defineEvent('run.warned', z.strictObject({ reason: z.string() }), fact)

export const runSucceeded = defineEvent('run.succeeded', runResult, end)
/** All is done, with warnings. */
export const runDegraded = defineEvent('run.degraded', runResult, end)
/** No source failed, but one waits for `hdsync release`. */
export const runHeld = defineEvent('run.held', runResult, end)
export const runFailed = defineEvent('run.failed', runResult, end)
export const runCancelled = defineEvent('run.cancelled', runResult, end)

/**
 * A unit of hdsync failed, or a backup could not begin: told by systemd, as it may be what keeps hdsync from telling it
 * itself, or by `hdsync run`, which goes by the last good config where the present one cannot be read. `result` and
 * `exitStatus` are systemd's `MONITOR_SERVICE_RESULT` and `MONITOR_EXIT_STATUS`; empty where it does not say.
 */
export const unitFailed = defineEvent(
  'unit.failed',
  z.lazy(() =>
    z.strictObject({
      unit: z.string().min(1),
      result: z.string().default(''),
      exitStatus: z.string().default(''),
      /** What kept it from its work, where hdsync could find out. */
      reason: z.string().exactOptional(),
      /** The type of the event that ended its run: hooks that were told of that are not told of this as well. */
      end: z.string().exactOptional(),
    }),
  ),
  { ...fact, triggerable: true, fleet: true },
)

/**
 * A source has had no success for as long as `alert.after` allows: since `lastSuccessAt`, or since it was first seen
 * if it never had one. Told once, until it has succeeded again.
 */
export const runOverdue = defineEvent(
  'run.overdue',
  z.lazy(() =>
    z.strictObject({
      source: name,
      lastSuccessAt: z.iso.datetime().nullable(),
      firstSeenAt: z.iso.datetime(),
      allowedMs: count,
    }),
  ),
  { ...fact, fleet: true },
)

/**
 * A delivery used up its attempts, or could not be made. `type` is that of the event that was not handled,
 * `event` its id; `hook` is the hook that was not told, if that is what the function was to do.
 */
export const deadLettered = defineEvent(
  'dead.lettered',
  z.lazy(() =>
    z.strictObject({
      function: z.string(),
      event: z.string(),
      type: z.string(),
      source: name.optional(),
      hook: z.string().optional(),
      tries: count,
      reason: z.string(),
    }),
  ),
  fact,
)

/**
 * A receiver said that it is gone for good (410): nothing more is sent to it until the hook is changed in the
 * config. `fingerprint` is that of its settings.
 */
export const hookDisabled = defineEvent(
  'hook.disabled',
  z.lazy(() => z.strictObject({ hook: z.string(), fingerprint: z.string(), reason: z.string() })),
  // A hook that was told to be quiet stays quiet.
  { ...fact, subject: 'fingerprint', kept: 'forever' },
)

/** The events that end a run. */
export const runEnds = [runSucceeded, runDegraded, runHeld, runFailed, runCancelled] as const
