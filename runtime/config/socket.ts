import { join } from 'node:path'
import type { Config } from './config.ts'

/** Where the event store lies unless the config says otherwise. */
export const defaultState = '/var/lib/hdsync'

/**
 * The unix socket on which the daemon of this store listens. One that keeps its store elsewhere listens there too, so
 * that two on one box do not meet.
 */
export function socketPath({ http, state }: Pick<Config, 'http' | 'state'>): string {
  return http?.socket ?? (state === defaultState ? '/run/hdsync/hdsync.sock' : join(state, 'hdsync.sock'))
}
