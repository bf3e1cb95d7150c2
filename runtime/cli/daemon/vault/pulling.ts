import { pullHost } from '../../../backup/vault/pull.ts'
import type { VaultTools } from '../../../backup/vault/vault.ts'
import { type Clock, systemClock } from '../../../core/clock.ts'
import { reasonOf } from '../../../errors.ts'
import { uidOfHost } from '../../../host/vault/host-folder.ts'

/** Soon after the daemon has started: what was cut off by its end goes on. */
const firstAfterMs = 60_000

/**
 * Fetches from the hosts that do not send by themselves, from each as often as the config says, and from no more than
 * `concurrency` of them at a time. Ends with the signal of the tools.
 */
export function pullRegularly(
  tools: VaultTools,
  clock: Clock = systemClock,
  pull: (host: string) => Promise<unknown> = (host) => pullHost(host, tools),
): void {
  const { vault, signal, warn } = tools
  const due: string[] = []
  let going = 0
  for (const [host, settings] of Object.entries(vault.hosts)) if (settings.pull) wait(host, firstAfterMs)

  function wait(host: string, delayMs: number): void {
    const clear = clock.schedule(delayMs, () => {
      signal.removeEventListener('abort', clear)
      if (signal.aborted) return
      due.push(host)
      next()
    })
    signal.addEventListener('abort', clear, { once: true })
  }

  function next(): void {
    while (going < vault.concurrency) {
      const host = due.shift()
      if (host === undefined || signal.aborted) return
      going += 1
      void fetchFrom(host).finally(() => {
        going -= 1
        if (!signal.aborted) wait(host, vault.hosts[host]?.pull?.every ?? firstAfterMs)
        next()
      })
    }
  }

  async function fetchFrom(host: string): Promise<void> {
    // `hdsync check` tells of a host that the vault is not prepared for.
    if (uidOfHost(vault.path, host) === undefined) return
    try {
      await pull(host)
    } catch (error) {
      if (!signal.aborted) warn?.(`nothing was fetched from ${host}: ${reasonOf(error)}`)
    }
  }
}
