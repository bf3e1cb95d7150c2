import * as z from 'zod'
import { defineEvent } from '../define.ts'

// What a host says to commands of its hub, and what the hub has on record of them.

const command = z.string().min(1).max(64)
const type = z.string().max(64)
const answer = { external: true, subject: 'command', fleet: true } as const

/** The host does what its hub has asked for. `run`: the run that this is; null where it is done already. */
export const commandTaken = defineEvent(
  'command.taken',
  z.strictObject({ command, type, run: z.string().nullable() }),
  answer,
)

/** The host does not do what its hub has asked for. */
export const commandRefused = defineEvent(
  'command.refused',
  z.strictObject({ command, type, reason: z.string() }),
  answer,
)

const asked = { external: true, subject: 'host' } as const

const configSet = 'config.set'
/** What is set in the config of a host is told by the last that it was given, was not withdrawn from it, and that it has not refused. */
const lastSettings = { alone: true, count: 20 } as const

/** The hub has given a command to a host. It is sent, as it stands in `text`, until the host has answered. */
export const fleetCommandGiven = defineEvent(
  'fleet.command.given',
  z.strictObject({
    host: z.string(),
    command,
    type,
    expiresAt: z.iso.datetime(),
    text: z.string(),
    signature: z.string(),
    /** So many of those that were given with it, in this group, are at it at once at most, as far as they wait for slots. */
    atMost: z.strictObject({ group: z.string(), atMost: z.int().min(1) }).optional(),
  }),
  { ...asked, kept: { ...lastSettings, per: ['host'], where: { key: 'type', in: [configSet] } } },
)

/** The hub sends a command to its host no more. */
export const fleetCommandWithdrawn = defineEvent(
  'fleet.command.withdrawn',
  z.strictObject({ host: z.string(), command }),
  { ...asked, kept: { ...lastSettings, per: ['host'] } },
)

/** What of the fleet is paused now, all of it; the last one holds. */
export const fleetPaused = defineEvent(
  'fleet.paused',
  z.strictObject({
    pauses: z.array(
      z.strictObject({ of: z.enum(['all', 'server', 'label']), name: z.string(), since: z.iso.datetime() }),
    ),
  }),
  { external: true, kept: 'forever' },
)
