import { nanoid } from 'nanoid'
import { backupStart } from '../../events/index.ts'
import { SqliteBus } from '../bus/sqlite/bus.ts'
import { holdLock, openDatabase } from '../bus/sqlite/database.ts'
import { lockHolder } from '../bus/sqlite/lock-holder.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { checkSources } from '../config/lookup.ts'
import { loadFunctions } from '../engine/engine.ts'
import { publicationOf, type Submission } from '../engine/intake.ts'
import { UsageError } from '../errors.ts'
import { asked, submitTo } from './daemon.ts'
import { exitCodes } from './exit-codes.ts'
import type { Io } from './io.ts'
import { commandSource } from './origin.ts'
import { daemonOf } from './remote.ts'

export interface EmitOptions {
  config?: string
  data?: string
  subject?: string
  id?: string
  json?: boolean
}

/** What became of the event. */
interface Emitted {
  run: string
  duplicate: boolean
  /** Who handles it: the daemon, another process (its id, if it can be seen), or nobody yet. */
  by: 'daemon' | { process: number | undefined } | 'next start'
}

type Event = Submission & { id: string; source: string }

/**
 * `hdsync emit`: puts an event on the bus. The daemon takes it where there is one; otherwise it lies in the store until
 * somebody works there. Safe to repeat with the same id.
 * @throws {UsageError} Its type may not be triggered, or its data does not fit.
 */
export async function emitCommand(type: string, options: EmitOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const { subject, id = nanoid() } = options
  const event: Event = {
    type,
    id,
    source: commandSource,
    ...(subject !== undefined && { subject }),
    ...(options.data !== undefined && { data: parseData(options.data) }),
  }
  const emitted = await emit(event, config)
  const { run, duplicate, by } = emitted
  if (options.json) {
    const handledBy = typeof by === 'string' ? by : 'another process'
    io.stdout(`${JSON.stringify({ run, id, duplicate, handledBy })}\n`)
  } else {
    io.stdout(`${run}\n`)
    io.stderr(`hdsync: ${sentenceOf(emitted)}\n`)
  }
  return exitCodes.succeeded
}

async function emit(event: Event, config: Config): Promise<Emitted> {
  // Judged here in any case: a person is told the same, and as much, whoever takes it.
  const registry = await loadFunctions(config)
  const publication = publicationOf(event, registry, { now: Date.now() })
  if (event.type === backupStart.type) {
    checkSources(backupStart.schema.parse(publication.event.data).sources ?? [], config)
  }
  const daemon = await daemonOf(config)
  if (daemon) return { ...(await asked(submitTo(daemon, event))), by: 'daemon' }
  // Only whoever is alone may begin with a store; beside another process one event is written, and that is told of it.
  const unlock = holdLock(config.state)
  const by = unlock ? 'next start' : { process: lockHolder(config.state) }
  const database = openDatabase(config.state)
  const bus = new SqliteBus(database, config.state)
  try {
    const { taken } = await bus.publish([publication])
    const known = bus.find(publication.event.source, publication.event.id)
    return { run: known?.runid ?? '', duplicate: !taken[0], by }
  } finally {
    bus.close()
    unlock?.()
  }
}

/** @throws {UsageError} It is no JSON. */
function parseData(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--data is not JSON: ${(error as Error).message}`, {
      hint: `in quotes for the shell: --data '{"sources":["var"]}'`,
      cause: error,
    })
  }
}

function sentenceOf({ run, duplicate, by }: Emitted): string {
  if (duplicate) return `that event was there already, in run ${run}: nothing was added`
  if (by === 'daemon') return `run ${run} is in the hands of the daemon: hdsync show ${run}`
  if (by === 'next start') {
    return `run ${run} waits in the store: the next \`hdsync run\` or \`hdsync serve\` handles it`
  }
  const who = by.process ? `process ${by.process}` : 'another process'
  return `run ${run} was handed to ${who}, which is at work; if that ends before its turn, the next start handles it`
}
