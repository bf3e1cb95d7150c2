import { vaultFull } from '../../../../events/index.ts'
import type { VaultEvent, VaultTools } from '../../../backup/vault/vault.ts'
import type { Vault } from '../../../config/vault.ts'
import { type Clock, systemClock } from '../../../core/clock.ts'
import { createRunner, unobserved } from '../../../host/command/command.ts'

/** What a daemon gives to whatever it does for its vault. */
export interface DaemonOfVault {
  /** Aborted when the daemon stops, or goes on with another config: what is being read is read again later. */
  signal: AbortSignal
  onWarning(message: string): void
  /** Tells the hooks. */
  tell(event: VaultEvent): void
  clock?: Clock
}

/** A host that finds no room asks again and again. */
const fullAgainMs = 12 * 3_600_000

/** What answering for a vault takes, in a daemon. */
export function daemonTools(
  vault: Vault,
  { signal, onWarning, tell, clock = systemClock }: DaemonOfVault,
): VaultTools {
  const fullAt = new Map<string, number>()
  return {
    vault,
    runner: createRunner({ observer: unobserved, signal, owner: 'vault' }),
    signal,
    now: () => clock.now(),
    tell(event) {
      if (event.definition === vaultFull && !isNews(event.data.host)) return
      tell(event)
    },
    warn: onWarning,
  }

  function isNews(host: string): boolean {
    const now = clock.now()
    if (now - (fullAt.get(host) ?? Number.NEGATIVE_INFINITY) < fullAgainMs) return false
    fullAt.set(host, now)
    return true
  }
}
