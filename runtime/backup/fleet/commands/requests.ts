import * as z from 'zod'

/** The CloudEvents `source` of what the hub asks for. */
export const hubSource = '/hdsync/fleet/hub'

// What commands name that are no event of the host's own.

/** Ends what another command has begun; `type` is that of the other. */
export const cancelRequest = z.object({ command: z.string().min(1).max(64), type: z.string().max(64) })

/** Releases what is held of a source. `run`: the run in which the hub has seen it held; null where it was told of none. */
export const releaseRequest = z.object({
  source: z.string().min(1).max(64),
  run: z.string().max(64).nullable(),
})
