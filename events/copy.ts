import * as z from 'zod'
import { defineEvent } from './define.ts'
import { name } from './parts.ts'
import { count } from './shapes.ts'

// Copies of finished archives in another place: what is asked for, in its order, and how it ended.

/** Begins to copy archives to other places: to all that are configured, unless named. */
export const copyStart = defineEvent(
  'copy.start',
  z.lazy(() => z.strictObject({ copies: z.array(name).min(1).optional() })),
  { triggerable: true, startsRun: true, listed: false },
)

/** How it went with one place. */
const copyResult = z.lazy(() =>
  z.strictObject({
    copy: name,
    /** `absent`: its disk was not there. */
    state: z.enum(['succeeded', 'failed', 'absent', 'cancelled']),
    /** Archives that were copied and proven, and how many bytes were written for them. */
    archives: count,
    bytes: count,
    /** Archives that are still to be copied; null where that could not be told. */
    waiting: count.nullable(),
    /** Why the state is not `succeeded`. */
    error: z.string().nullable(),
  }),
)
export type CopyResult = z.output<typeof copyResult>

/** Where a run stands: the place that it is at, those that are still to come, and what has been done. */
const step = {
  copy: name,
  rest: z.array(name),
  results: z.array(copyResult),
  /** Whether somebody has named the places: then one that is not there is a failure. */
  named: z.boolean(),
  archives: count,
  bytes: count,
  /** Archives that are not attempted again in this run, as `SOURCE SHA-256`. */
  passed: z.array(z.string()),
  /** What has gone wrong with this place. */
  problems: z.array(z.string()),
}
const stepObject = z.strictObject(step)
export type CopyStep = z.output<typeof stepObject>

/** Looks what a place has not got yet, and chooses what it gets next: the newest archive. */
export const copyOffer = defineEvent('copy.offer', stepObject, { subject: 'copy' })

/** An archive on its way. */
const archive = {
  source: name,
  /** Where it stands, and which file that is. */
  path: z.string(),
  file: z.string(),
  /** The night that it is of. */
  at: z.iso.datetime(),
  sizeBytes: count,
  sha256: z.string(),
  /** Where it will stand. */
  to: z.string(),
}

/** Writes an archive beside its place, or goes on where that was cut off. */
export const copySend = defineEvent(
  'copy.send',
  z.lazy(() => z.strictObject({ ...step, ...archive })),
)

/** Reads a copy back from its disk, and puts it in its place if it is what was recorded. */
export const copyProve = defineEvent(
  'copy.prove',
  z.lazy(() =>
    z.strictObject({
      ...step,
      ...archive,
      /** `sent`: it lies beside its place. `linked`: so does another name of a copy that is proven. `stands`: in its place. `again`: it was proven. */
      as: z.enum(['sent', 'linked', 'stands', 'again']),
      /** The SHA-256 of what was read of the archive; null where not all of it was read in one go. */
      read: z.string().nullable(),
    }),
  ),
)

/** Unmounts what was mounted for it, and tells how it went. */
export const copyFinish = defineEvent(
  'copy.finish',
  z.lazy(() =>
    z.strictObject({ results: z.array(copyResult), error: z.string().nullable(), cancelled: z.boolean() }),
  ),
  { always: true },
)

/** An archive has a copy that was read back and is what was recorded. */
export const copyProved = defineEvent(
  'copy.proved',
  z.lazy(() => z.strictObject({ copy: name, ...archive, linked: z.boolean() })),
  { external: true },
)

/** The archives of a source that a place has. */
export const copyKept = defineEvent(
  'copy.kept',
  z.lazy(() =>
    z.strictObject({
      copy: name,
      source: name,
      kept: z.array(
        z.strictObject({
          path: z.string(),
          at: z.iso.datetime(),
          sizeBytes: count,
          file: z.string(),
          sha256: z.string(),
        }),
      ),
      /** What was removed, as `keep` says. */
      pruned: z.array(z.string()),
      /** Archives that are still to be copied. */
      waiting: count,
    }),
  ),
  { external: true, subject: 'copy', kept: { per: ['copy', 'source'] } },
)

const end = { external: true, endsRun: true, fleet: true, kept: { inEach: 'copies', per: ['copy', 'state'] } }

/** The places have what they are to have, but for those whose disk was not there. */
export const copyFinished = defineEvent(
  'copy.finished',
  z.lazy(() =>
    z.strictObject({
      state: z.enum(['succeeded', 'degraded', 'cancelled']),
      copies: z.array(copyResult),
      /** Why the state is not `succeeded`. */
      reason: z.string().nullable(),
    }),
  ),
  end,
)

/** Not all archives could be copied. */
export const copyFailed = defineEvent(
  'copy.failed',
  z.lazy(() => z.strictObject({ reason: z.string(), copies: z.array(copyResult) })),
  end,
)

/** A place has not had everything for longer than `alert.after` of it says. Told once, until it has. */
export const copyOverdue = defineEvent(
  'copy.overdue',
  z.lazy(() => z.strictObject({ copy: name, lastGoodAt: z.iso.datetime().nullable(), afterMs: count })),
  { external: true, fleet: true, subject: 'copy' },
)

/** What a vault tells of: a machine that takes copies of archives from other hosts. */
const fromHost = { host: z.string(), source: name }

/** A host has sent an archive, and the vault has read it, and found it to be what was offered. */
export const vaultAccepted = defineEvent(
  'vault.accepted',
  z.lazy(() =>
    z.strictObject({
      ...fromHost,
      /** The night that it is of, by the clock of the host. */
      at: z.iso.datetime(),
      /** When it was read, by the clock of the vault. */
      provedAt: z.iso.datetime(),
      sizeBytes: count,
      sha256: z.string(),
      /** How many bytes of it came over the wire; null where that is not known. */
      newBytes: count.nullable(),
    }),
  ),
  { external: true, subject: 'host' },
)

/**
 * Something is odd about what a host sends: what a host looks like that was emptied, encrypted or taken over. None of its older
 * copies of the source goes until somebody has looked (`hdsync vault release`).
 */
export const vaultOdd = defineEvent(
  'vault.odd',
  z.lazy(() => z.strictObject({ ...fromHost, at: z.iso.datetime(), reasons: z.array(z.string()) })),
  { external: true, subject: 'host' },
)

/** Copies, or the record of a host, do not read back as they were written. Told each time that this is found. */
export const vaultDamaged = defineEvent(
  'vault.damaged',
  z.lazy(() =>
    z.strictObject({
      host: z.string(),
      at: z.iso.datetime(),
      /** `file`: in the folder `accepted` of the host, or `record.jsonl`. */
      damaged: z.array(z.strictObject({ file: z.string(), reason: z.string() })),
    }),
  ),
  { external: true, subject: 'host' },
)

/** An archive of a host was refused, as its quota, the disk of the vault or its inodes have no room for it. Told twice a day at most. */
export const vaultFull = defineEvent(
  'vault.full',
  z.lazy(() => z.strictObject({ ...fromHost, at: z.iso.datetime(), reason: z.string() })),
  { external: true, subject: 'host' },
)

/**
 * The vault could not fetch from a host what it has not got, and not because the host was away. Told once a day at most, until
 * it could.
 */
export const vaultFailed = defineEvent(
  'vault.failed',
  z.strictObject({ host: z.string(), at: z.iso.datetime(), reason: z.string() }),
  { external: true, subject: 'host' },
)

/** Nothing has come for longer than `alert.after` of a host that the vault fetches from. Told once, until something has. */
export const vaultOverdue = defineEvent(
  'vault.overdue',
  z.strictObject({
    host: z.string(),
    at: z.iso.datetime(),
    /** When something came last, by the clock of the vault; null for never. */
    lastAt: z.iso.datetime().nullable(),
    afterMs: count,
    /** What the last attempt has failed with; null where the host had nothing new. */
    reason: z.string().nullable(),
  }),
  { external: true, subject: 'host' },
)
