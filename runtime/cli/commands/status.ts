import { readStatus } from '../../backup/status/read-status.ts'
import { hasSources } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { statusText } from '../keep/status-text.ts'

/**
 * `hdsync status`: how each source stands, the worst first, and what its backups take. Looks only: at the record, and at
 * disks that are mounted.
 * @returns 0 when all is well, 1 when a source failed or is overdue, 3 with warnings, 5 when one is held.
 */
export async function statusCommand(options: { config?: string; json?: boolean }, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const status = await readStatus(config, Date.now())
  if (!options.json && config.vault && !hasSources(config)) {
    io.stdout('this machine is a vault, and backs up nothing of its own: hdsync vault status\n')
    return exitCodes[status.state]
  }
  io.stdout(options.json ? `${JSON.stringify(status)}\n` : statusText(status, io))
  return exitCodes[status.state]
}
