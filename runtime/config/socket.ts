import { dirname, join } from 'node:path'

/** Where the event store lies unless the config says otherwise. */
export const defaultState = '/var/lib/hdsync'

/** What of a config tells where the daemon listens. */
export interface SocketConfig {
  state: string
  http?: { socket?: string }
}

/**
 * The unix socket on which the daemon of this store listens. One that keeps its store elsewhere listens there too, so
 * that two on one box do not meet.
 */
export function socketPath({ http, state }: SocketConfig): string {
  return http?.socket ?? (state === defaultState ? '/run/hdsync/hdsync.sock' : join(state, 'hdsync.sock'))
}

/** The unix socket for users who are not root: beside the other one. */
export function usersSocketPath(config: SocketConfig): string {
  return join(dirname(socketPath(config)), 'users.sock')
}

/** The unix socket for the users of hosts that send to the vault: beside the others. */
export function vaultSocketPath(config: SocketConfig): string {
  return join(dirname(socketPath(config)), 'vault.sock')
}
