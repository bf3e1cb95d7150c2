import * as z from 'zod'
import { defineEvent } from '../define.ts'

// What is on record of a run that had to wait for others of its fleet.

const server = z.string()
const about = { external: true, subject: 'server' } as const

/** A run waits for the hub to grant it a slot of a backup server; from `until` on it goes on without one. */
export const slotAwaited = defineEvent(
  'slot.awaited',
  z.strictObject({ server, until: z.iso.datetime() }),
  about,
)

/**
 * A run that waited for a slot begins. `without` one, as its `patience` was at an end, as the server is `unknown` to the hub, or as somebody has
 * `passed` it; null where the hub has granted it.
 */
export const slotTaken = defineEvent(
  'slot.taken',
  z.strictObject({
    server,
    waitedMs: z.int().min(0),
    without: z.enum(['patience', 'unknown', 'passed']).nullable(),
  }),
  about,
)
