import * as z from 'zod'
import { count } from './copied.ts'
import { defineEvent } from './define.ts'
import { name } from './parts.ts'

// What a vault tells of: a machine that takes copies of archives from other hosts.

const about = { host: z.string(), source: name }

/** A host has sent an archive, and the vault has read it, and found it to be what was offered. */
export const vaultAccepted = defineEvent(
  'vault.accepted',
  z.strictObject({
    ...about,
    /** The night that it is of, by the clock of the host. */
    at: z.iso.datetime(),
    /** When it was read, by the clock of the vault. */
    provedAt: z.iso.datetime(),
    sizeBytes: count,
    sha256: z.string(),
    /** How many bytes of it came over the wire; null where that is not known. */
    newBytes: count.nullable(),
  }),
  { external: true, subject: 'host' },
)

/**
 * Something is odd about what a host sends: what a host looks like that was emptied, encrypted or taken over. None of its older
 * copies of the source goes until somebody has looked (`hdsync vault release`).
 */
export const vaultOdd = defineEvent(
  'vault.odd',
  z.strictObject({ ...about, at: z.iso.datetime(), reasons: z.array(z.string()) }),
  { external: true, subject: 'host' },
)
