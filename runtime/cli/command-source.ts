import { hostname } from 'node:os'

/** The CloudEvents `source` of what is asked for on the command line. */
export const commandSource = `/hdsync/${hostname()}/cli`
