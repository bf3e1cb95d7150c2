import * as z from 'zod'
import { defineEvent } from './define.ts'
import { name } from './parts.ts'

// The gates around a snapshot, and around the copy of a directory, for functions of the user's own. Nobody has to stand
// there, so all are external.

/**
 * A snapshot of the source is about to be taken. It is not, until every function that handles this has returned or
 * has called `snapshotTaken()`, or until the source's `gate.timeout` is up.
 */
export const snapshotBefore = defineEvent('snapshot.before', z.strictObject({ source: name }), {
  external: true,
  gate: 'before',
})

/**
 * The snapshot that the event `before` announced has been taken, or will not be: `taken` says which, `reason` why
 * not. Comes once for each `snapshot.before`, whatever happens; after a crash its functions may run a second time.
 */
export const snapshotAfter = defineEvent(
  'snapshot.after',
  z.lazy(() =>
    z.strictObject({ source: name, before: z.string(), taken: z.boolean(), reason: z.string().optional() }),
  ),
  { external: true, always: true, gate: 'after' },
)

/**
 * A directory is about to be copied. It is not, until every function that handles this has returned, or until the
 * source's `gate.timeout` is up.
 */
export const sourceBefore = defineEvent('source.before', z.strictObject({ source: name }), {
  external: true,
  gate: 'ready',
})

/**
 * The copy that the event `before` announced has ended, or will not take place: `copied` says whether it was made, `reason`
 * why not. Comes once for each `source.before`, whatever happens; after a crash its functions may run a second time.
 */
export const sourceAfter = defineEvent(
  'source.after',
  z.lazy(() =>
    z.strictObject({ source: name, before: z.string(), copied: z.boolean(), reason: z.string().optional() }),
  ),
  { external: true, always: true, gate: 'after' },
)
