import * as z from 'zod'
import { request } from '../../../vault-protocol.ts'

// What `hdsync receive` asks the daemon of a vault for, over `vault.sock`, as the user of a host.

const host = z.string()
const name = z.string()

/** `POST /ask`: a request of the host; answered with its line, or with the bytes of a copy. */
export const askBody = z.strictObject({ host, request })

/** `POST /session`: lines are to come; answered with its locks. */
export const sessionBody = z.strictObject({ host })

/** `POST /admit`: an rsync is to begin; answered with an `Admission`. */
export const admitBody = z.strictObject({ host, name })

/** `POST /sent`: it has ended, well or not. */
export const sentBody = z.strictObject({ host, name, newBytes: z.int().min(0) })

/** What of a copy comes is bytes, all else is JSON. */
export const octets = 'application/octet-stream'
