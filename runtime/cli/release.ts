import { type backupStart, type InputOf, syncHeld } from '../../events/index.ts'
import { loadConfig } from '../config/load.ts'
import { UsageError } from '../errors.ts'
import type { Io } from './io.ts'
import { follow, type Past, type RunOptions } from './run.ts'

/**
 * `hdsync release`: runs the backup of what is held, with leave to delete as many files as were announced when
 * it was held. What has been deleted at the source since then counts against the source's own limit.
 */
export async function releaseCommand(id: string, options: RunOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  return follow(config, options, io, (past) => grant(past, id))
}

/** @throws {UsageError} Nothing is held under this id. */
function grant({ bus, journal }: Past, id: string): InputOf<typeof backupStart> {
  const run = journal.run(id)
  const held = run
    ? bus.events({ runId: run.id, types: [syncHeld.type] })
    : bus.events({ types: [syncHeld.type], subject: id, newestFirst: true, limit: 1 })
  if (held.length === 0) {
    throw new UsageError(`nothing is held under ${JSON.stringify(id)}`, {
      hint: 'name a run (hdsync runs) or a source whose sync was held',
    })
  }
  const facts = held.map(({ data }) => syncHeld.schema.parse(data))
  return {
    sources: facts.map(({ source }) => source),
    allowDeletions: Object.fromEntries(facts.map(({ source, deletions }) => [source, deletions])),
  }
}
