import type { Config } from '../../../config/config.ts'
import type { Handler } from '../../../http/handler.ts'
import { vaultHandler } from './handler.ts'
import { pullRegularly } from './pulling.ts'
import { tendVault } from './tending.ts'
import { type DaemonOfVault, daemonTools } from './tools.ts'

/**
 * Opens the vault of a config, if it has one: looks after it until the signal, fetches from hosts, and answers the hosts that send to it.
 * @returns What answers them.
 */
export function openVault(config: Config, daemon: DaemonOfVault): Handler {
  if (!config.vault) return (_incoming, outgoing) => void outgoing.writeHead(404).end()
  const tools = daemonTools(config.vault, daemon)
  tendVault(tools, daemon.clock)
  pullRegularly(tools, daemon.clock)
  return vaultHandler(config, tools, daemon)
}
