import { releasableHolds } from '../../backup/holds/holds.ts'
import { loadConfig } from '../../config/load.ts'
import { heldLists } from '../../host/mirror/held-lists.ts'
import { painter } from '../format.ts'
import type { Io } from '../io.ts'
import { readPast } from '../past.ts'
import { holdText } from './held.ts'
import { follow, type RunOptions } from './run.ts'

/**
 * `hdsync release`: runs the backup of what is held, with leave to delete what stood on the list when it was held. What
 * else has been deleted at the source since then counts against the source's own limit. One sync uses it up.
 * @throws {UsageError} Nothing is held under this id.
 */
export async function releaseCommand(id: string, options: RunOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const lists = heldLists(config.state)
  const holds = readPast(config, ({ bus, journal }) => releasableHolds({ bus, journal, config, lists }, id))
  if (!options.quiet && !options.json) {
    for (const hold of holds) io.stderr(holdText(hold, painter(false)))
  }
  return follow(config, options, io, { release: id, sources: holds.map(({ source }) => source) })
}
