import * as z from 'zod'
import { defineEvent } from './define.ts'
import { backupRequest, name, requestedSources, rest, runResult } from './parts.ts'
import { copied, keptArchive } from './shapes.ts'

// What is asked for, in the order of a night.

/** Begins a run. */
export const backupStart = defineEvent(
  'backup.start',
  z.strictObject({
    sources: requestedSources,
    /** The holds that this run may go beyond, each once; `hdsync release` alone sets it. */
    releases: z.array(z.string()).optional(),
    /** Stands in events of version 0.1, and permits nothing any more. */
    allowDeletions: z.record(z.string(), z.int().min(0)).optional(),
  }),
  { triggerable: true, startsRun: true, request: backupRequest },
)

/**
 * Another one asked for what a run was asked for that had not begun: it was given that run, and has this in the place of a
 * `backup.start`, so that its id is known.
 */
export const backupJoined = defineEvent('backup.joined', z.strictObject({ run: z.string().min(1) }))

/** Mounts and proves the targets that these sources need. */
export const targetOpen = defineEvent('target.open', z.strictObject({ sources: z.array(name).min(1) }))

const step = { source: name, rest }

/** Lets the next source of one target begin; the first of `rest` is next. */
export const sourceNext = defineEvent('source.next', z.strictObject({ rest }))

/** Takes a snapshot of a source's volume. `overflowedBytes`: the size that the last snapshot outgrew. */
export const snapshotCreate = defineEvent(
  'snapshot.create',
  z.lazy(() =>
    z.strictObject({
      ...step,
      overflowedBytes: z.int().positive().optional(),
      /** Attempts with functions at the gate; absent without them. */
      tries: z.int().positive().optional(),
    }),
  ),
)

/**
 * Takes a snapshot once all functions that handle `snapshot.before` are ready; comes about only when there are
 * such functions, or some for `snapshot.after`. `sizeBytes`: the room for it, null for a thin one.
 */
export const snapshotTake = defineEvent(
  'snapshot.take',
  z.lazy(() =>
    z.strictObject({
      ...step,
      overflowedBytes: z.int().positive().optional(),
      tries: z.int().positive(),
      sizeBytes: z.int().positive().nullable(),
    }),
  ),
)

/** Mounts the snapshot of a source read-only. */
export const snapshotMount = defineEvent('snapshot.mount', z.strictObject(step))

/**
 * Lets a directory be copied once all functions that handle `source.before` are ready; comes about only when there are
 * such functions, or some for `source.after`.
 */
export const sourcePrepare = defineEvent('source.prepare', z.strictObject(step))

/** Copies a source, from its mounted snapshot or its directory, to its mirror. */
export const syncRun = defineEvent('sync.run', z.strictObject(step))

/**
 * Unmounts and removes what a source has of snapshots. Then the mirror is brought onto the disk if something was `copied`,
 * or the next source begins.
 */
export const snapshotCleanup = defineEvent(
  'snapshot.cleanup',
  z.lazy(() => z.strictObject({ ...step, copied: copied.optional() })),
)

/** Brings the mirror of a source onto the disk, says that it is good, and lets the next source begin. */
export const mirrorFlush = defineEvent('mirror.flush', z.strictObject({ ...step, copied }))

/** Writes the weekday's archive of a source from its mirror. */
export const archiveWeekly = defineEvent('archive.weekly', z.strictObject({ source: name }))

/** Removes those archives of a source that nothing keeps any more. `added` were given a second name in this run. */
export const archivePrune = defineEvent(
  'archive.prune',
  z.lazy(() => z.strictObject({ source: name, added: z.array(keptArchive).default([]) })),
)

/** Looks how the machine is built, once, and writes it onto the targets of the run. */
export const machineRecord = defineEvent(
  'machine.record',
  z.lazy(() =>
    z.strictObject({
      targets: z.array(name).default([]),
      /** The one target of an event that an hdsync before has written, with one event for each. */
      target: name.optional(),
    }),
  ),
)

/** Ends the run if nothing else of it is under way. Every branch of the chain ends by asking for it. */
export const backupFinish = defineEvent('backup.finish', z.strictObject({}))

/** Unmounts the targets that the run mounted, then tells how the run went. */
export const targetClose = defineEvent('target.close', z.strictObject({ result: runResult }))
