import { setTimeout as sleep } from 'node:timers/promises'
import { nanoid } from 'nanoid'
import { backupRequest, backupStart, unitFailed } from '../../../events/index.ts'
import { joining, requestPublication, runOf } from '../../backup/engine/requests.ts'
import { loadFunctions } from '../../backup/load-functions.ts'
import { openEngine } from '../../backup/open-engine.ts'
import { isUntouched } from '../../backup/run-report.ts'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { holdLock, openDatabase } from '../../core/bus/sqlite/database.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { isHeldBack, type Submission } from '../../core/intake.ts'
import { HdsyncError, UsageError } from '../../errors.ts'
import { commandSource } from '../command-source.ts'
import { asked, DaemonError, submitTo } from '../daemon/client.ts'
import { daemonOf } from '../daemon/remote.ts'
import { exitCodes } from '../exit-codes.ts'
import { formerConfig, publicReason, tellFailure } from '../failure/tell.ts'
import { toldOf } from '../failure/told.ts'
import { hooksDone } from '../in-process.ts'
import type { Io } from '../io.ts'
import { readJournal } from '../store.ts'
import { logView } from '../view/choose.ts'

export interface EmitOptions {
  config?: string
  data?: string
  subject?: string
  id?: string
  deliver?: boolean
  /** How long the process that holds the lock may take to take a failure over; 10 s unless given. */
  handoverMs?: number
  json?: boolean
}

/** What became of the event. */
interface Emitted {
  run: string
  duplicate: boolean
  /** Who handles it: the daemon, another process (its id, if it can be seen), this one, or nobody yet. */
  by: 'daemon' | { process: number | undefined } | 'this process' | 'next start'
}

type Event = Submission & { id: string; source: string }

/**
 * `hdsync emit`: puts an event on the bus. The daemon takes it where there is one; otherwise it lies in the store until
 * somebody works there, or is delivered by this process where that is asked for. Safe to repeat with the same id.
 * @throws {UsageError} Its type may not be triggered, or its data does not fit.
 */
export async function emitCommand(type: string, options: EmitOptions, io: Io): Promise<number> {
  const { subject, id = nanoid() } = options
  const event: Event = {
    type,
    id,
    source: commandSource,
    ...(subject !== undefined && { subject }),
    ...(options.data !== undefined && { data: parseData(options.data) }),
  }
  if (type === unitFailed.type && options.deliver) return emitFailure(event, options, io)
  const config = await loadConfig({ path: options.config, env: io.env })
  return tellOf(event, await emit(event, config, options, io), options, io)
}

/** The unit failed perhaps by what keeps the event from being taken: its hooks are told in any case, once. */
async function emitFailure(event: Event, options: EmitOptions, io: Io): Promise<number> {
  const { success, data: facts } = unitFailed.schema.safeParse(event.data)
  let config: Config | undefined
  try {
    config = await loadConfig({ path: options.config, env: io.env })
    const { MONITOR_INVOCATION_ID: invocation } = io.env
    const told = invocation ? toldOf(config.state, { invocation }) : undefined
    if (told && told.end === undefined) return saidAlready(io)
    const data = { ...(event.data as object), ...(told?.end && { end: told.end }) }
    const emitted = await emit({ ...event, data }, config, options, io)
    await untilTaken(emitted, config, options)
    return tellOf(event, emitted, options, io)
  } catch (error) {
    const hooks = config ?? (await formerConfig(options.config, io))
    if (!success || !hooks) throw error
    if (toldOf(hooks.state, { reason: publicReason(error) })) return saidAlready(io)
    io.stderr(`hdsync: ${(error as Error).message}\n`)
    const { good } = await tellFailure(error, hooks, io, facts)
    return good > 0 ? exitCodes.succeeded : exitCodes.failed
  }
}

function saidAlready(io: Io): number {
  io.stderr('hdsync: the hooks were told of this failure already\n')
  return exitCodes.succeeded
}

/** @throws {HdsyncError} The process that holds the lock has not taken the event in time; it is taken back. */
async function untilTaken({ run, by }: Emitted, config: Config, options: EmitOptions): Promise<void> {
  if (typeof by === 'string') return
  const { handoverMs = usualHandoverMs } = options
  for (const startedAt = performance.now(); ; await sleep(pollMs)) {
    if (!readJournal(config, (journal) => isUntouched(journal.tallies(run)))) return
    if (performance.now() - startedAt > handoverMs) break
  }
  const bus = new SqliteBus(openDatabase(config.state), config.state)
  const isOurs = await bus.revoke(run, 'hooks are told without it', Date.now()).finally(() => bus.close())
  if (!isOurs) return
  const who = by.process ? `process ${by.process}` : 'another process'
  throw new HdsyncError(`${who} holds the lock on ${config.state}, and does not answer`)
}

const usualHandoverMs = 10_000
const pollMs = 100

function tellOf({ id }: Event, emitted: Emitted, options: EmitOptions, io: Io): number {
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

/** Puts an event on the bus, by whoever is at work there. */
export async function emit(event: Event, config: Config, options: EmitOptions, io: Io): Promise<Emitted> {
  // Judged here in any case: a person is told the same, and as much, whoever takes it.
  const registry = await loadFunctions(config)
  const publication = requestPublication(event, registry, { now: Date.now() })
  if (event.type === backupStart.type) {
    checkSources(backupRequest.parse(publication.event.data).sources ?? [], config)
  }
  const daemon = await daemonOf(config).catch((error) => {
    // What is to be told may be that it does not stand.
    const isDown = error instanceof DaemonError && (error.status === 0 || error.status >= 500)
    if (options.deliver && isDown) return undefined
    throw error
  })
  if (daemon) return { ...(await asked(submitTo(daemon, event))), by: 'daemon' }
  const delivered = options.deliver && (await deliver(event, config, io))
  if (delivered) return delivered
  // Only whoever is alone may begin with a store; beside another process one event is written, and that is told of it.
  const unlock = holdLock(config.state)
  const by = unlock ? 'next start' : { process: lockHolder(config.state) }
  const database = openDatabase(config.state)
  const bus = new SqliteBus(database, config.state)
  try {
    const twin = isHeldBack(publication) ? bus.heldLike(publication.event) : undefined
    const { taken } = await bus.publish([twin === undefined ? publication : joining(publication, twin)])
    const known = bus.find(publication.event.source, publication.event.id)
    return { run: runOf(known), duplicate: !taken[0], by }
  } finally {
    bus.close()
    unlock?.()
  }
}

/** Has what stands beside runs handle the event, hooks above all; no run begins. @returns undefined if somebody else is at work. */
async function deliver(event: Event, config: Config, io: Io): Promise<Emitted | undefined> {
  const engine = await openEngine({ config, observer: await logView(config, io) })
  if (!engine) return undefined
  try {
    engine.hold()
    await engine.start()
    const { runId, duplicate } = await engine.submit(event)
    await hooksDone(engine, config)
    return { run: runId, duplicate, by: 'this process' }
  } finally {
    await engine.stop()
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
  if (by === 'this process')
    return `run ${run} was handled as far as it goes without a backup: hdsync show ${run}`
  if (by === 'daemon') return `run ${run} is in the hands of the daemon: hdsync show ${run}`
  if (by === 'next start') {
    return `run ${run} waits in the store: the next \`hdsync run\` or \`hdsync serve\` handles it`
  }
  const who = by.process ? `process ${by.process}` : 'another process'
  return `run ${run} was handed to ${who}, which is at work; if that ends before its turn, the next start handles it`
}
