import type { Config } from '../../config/config.ts'
import { hostDoor } from '../../host/fleet/credentials.ts'
import { Store, toldTypes } from '../engine/store.ts'
import { type HostConfig, startBridge } from './start-part.ts'

/**
 * Sends what the hub has not confirmed, from the store alone: no run begins, whatever waits there.
 * @returns false where another process is at work on the store: it sends.
 * @throws {UsageError | ConfigError} The store cannot be opened, or the credentials cannot be read.
 */
export async function sendOnce(
  config: HostConfig & Pick<Config, 'state'>,
  { withinMs, note }: { withinMs: number; note(message: string): void },
): Promise<boolean> {
  await hostDoor(config.fleet)
  const store = Store.open(config.state, toldTypes)
  if (!store) return false
  try {
    if (!store.outbox) return true
    const bridge = startBridge(config, store.outbox, { note })
    await bridge.emptied(withinMs)
    await bridge.stop()
    return true
  } finally {
    store.close()
  }
}
