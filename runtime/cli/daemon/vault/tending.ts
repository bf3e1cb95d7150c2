import { checkCopies } from '../../../backup/vault/check.ts'
import type { VaultTools } from '../../../backup/vault/vault.ts'
import { type Clock, systemClock } from '../../../core/clock.ts'
import { reasonOf } from '../../../errors.ts'
import { uidOfHost } from '../../../host/vault/host-folder.ts'

/** Hosts that have waited for the daemon are answered first. */
const firstAfterMs = 5 * 60_000
const everyMs = 86_400_000

/**
 * Looks after a vault, soon after the daemon has started and daily from then on: reads copies again for as long as the budget
 * lasts, and removes what `keep` does not keep. Ends with the signal of the tools.
 */
export function tendVault(tools: VaultTools, clock: Clock = systemClock): void {
  const { vault, signal, warn } = tools
  next(firstAfterMs)

  function next(delayMs: number): void {
    const clear = clock.schedule(delayMs, () => {
      signal.removeEventListener('abort', clear)
      if (!signal.aborted) void tend()
    })
    signal.addEventListener('abort', clear, { once: true })
  }

  async function tend(): Promise<void> {
    const hosts = Object.keys(vault.hosts).filter((host) => uidOfHost(vault.path, host) !== undefined)
    try {
      await checkCopies(hosts, { budgetMs: vault.check.budget }, tools)
    } catch (error) {
      if (!signal.aborted) warn?.(`the copies in the vault were not all looked after: ${reasonOf(error)}`)
    }
    if (!signal.aborted) next(everyMs)
  }
}
