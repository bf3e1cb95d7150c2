import type { Config } from './config.ts'
import type { SocketConfig } from './socket.ts'

/** What of a config those need who only look into the event store, or talk to whoever is at work on it. */
export interface StoreConfig extends SocketConfig {
  functions: Config['functions']
  /** By name; of a config that cannot be used, the names alone. */
  sources: Record<string, unknown>
}
