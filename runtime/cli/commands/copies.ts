import { readCopies } from '../../backup/status/read-copies.ts'
import { loadConfig } from '../../config/load.ts'
import { exitCodes } from '../exit-codes.ts'
import { painter } from '../format.ts'
import type { Io } from '../io.ts'
import { copiesText } from '../keep/copies-text.ts'

/**
 * `hdsync copies`: how the other places stand that get copies of archives. Looks only, and mounts nothing: of disks that are
 * not mounted it tells what the record has.
 * @returns 1 where a place failed, or has not had everything for too long.
 */
export async function copiesCommand(options: { config?: string; json?: boolean }, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const now = Date.now()
  const copies = await readCopies(config, now)
  if (options.json) io.stdout(`${JSON.stringify(copies)}\n`)
  else if (copies.length === 0) io.stdout('no copies: there is no `copies:` in the config\n')
  else io.stdout(copiesText(copies, now, painter(io.colour), io.width))
  const isLate = copies.some(({ state }) => state === 'overdue' || state === 'failed')
  return isLate ? exitCodes.failed : exitCodes.succeeded
}
