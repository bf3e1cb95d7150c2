import { nanoid } from 'nanoid'
import { syncMeant } from '../../../events/index.ts'
import { dismissalsOf } from '../../backup/holds/dismiss.ts'
import { type OpenHolds, openHold, releasableHolds } from '../../backup/holds/holds.ts'
import { openUnusualOf } from '../../backup/mirror/unusual.ts'
import { readPast } from '../../backup/past.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { heldLists } from '../../host/mirror/held-lists.ts'
import { commandSource } from '../command-source.ts'
import { exitCodes } from '../exit-codes.ts'
import { painter } from '../format.ts'
import type { Io } from '../io.ts'
import { emit } from './emit.ts'
import { holdText } from './held.ts'
import { follow, type RunOptions } from './run.ts'

/**
 * `hdsync release`: says that unusually many changes of a source were meant, so that its archives are pruned again; or runs the
 * backup of what is held, with leave to delete what stood on the list when it was held. What else has been deleted at the source
 * since then counts against the source's own limit. One sync uses it up.
 * @throws {UsageError} Nothing is held under this id.
 */
export async function releaseCommand(
  id: string,
  options: RunOptions & { dismiss?: boolean },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  if (options.dismiss) return dismiss(id, config, options, io)
  const lists = heldLists(config.state)
  const isMeant = readPast(config, ({ bus }) => isUnusualAlone({ bus, config, lists }, id))
  if (isMeant) return sayMeant(id, config, options, io)
  const holds = readPast(config, ({ bus, journal }) => releasableHolds({ bus, journal, config, lists }, id))
  if (!options.quiet && !options.json) {
    for (const hold of holds) io.stderr(holdText(hold, painter(false)))
  }
  return follow(config, options, io, { release: id, sources: holds.map(({ source }) => source) })
}

/** Nothing is deleted, and nothing waits any more; the next run of the source looks anew. */
async function dismiss(id: string, config: Config, options: RunOptions, io: Io): Promise<number> {
  const lists = heldLists(config.state)
  const dismissals = readPast(config, ({ bus, journal }) => dismissalsOf({ bus, journal, config, lists }, id))
  for (const { type, data } of dismissals) {
    await emit({ type, source: commandSource, id: nanoid(), data }, config, {}, io)
  }
  const sources = dismissals.map(({ data }) => data.source)
  if (options.json) io.stdout(`${JSON.stringify({ dismissed: sources })}\n`)
  else
    for (const source of sources)
      io.stdout(`${source}: its hold is dismissed, nothing was deleted; the next run looks anew\n`)
  return exitCodes.succeeded
}

/** Whether a source has something unusual that nobody has said was meant, and nothing that is held. */
function isUnusualAlone({ bus, config, lists }: OpenHolds, source: string): boolean {
  if (!Object.hasOwn(config.sources, source) || openHold({ bus, lists }, source)) return false
  return openUnusualOf(bus, source) !== undefined
}

async function sayMeant(source: string, config: Config, options: RunOptions, io: Io): Promise<number> {
  const event = { type: syncMeant.type, source: commandSource, id: nanoid(), data: { source } }
  const { run } = await emit(event, config, {}, io)
  if (options.json) io.stdout(`${JSON.stringify({ source, meant: true, run })}\n`)
  else
    io.stdout(`${source}: its unusual changes were meant; older restore points go again as \`keep\` says\n`)
  return exitCodes.succeeded
}
