import type { HonoRequest } from 'hono'
import * as z from 'zod'
import { backupRequest, backupStart, restoreRequest, verifyStart } from '../../../events/index.ts'
import { makesWay } from '../../backup/engine/turns.ts'
import type { Engine } from '../../backup/engine.ts'
import type { FleetPart } from '../../backup/fleet/start-part.ts'
import { waitedFor } from '../../backup/run-report.ts'
import type { Config } from '../../config/config.ts'
import { fleetHost } from '../../config/fleet.ts'
import { pushedSet } from '../../config/pushed/merge.ts'
import { HdsyncError, hintOf } from '../../errors.ts'
import { askTypes, longestCommandMs } from '../../fleet-protocol.ts'
import type { AddRoutes, FleetSlots } from '../../http/context.ts'
import { problemMediaType } from '../../http/problem.ts'
import { readText } from '../../http/receive/body.ts'
import { respondJson } from '../../http/respond.ts'
import { leaseKind, lend } from './lend.ts'

/** What of the daemon its local routes ask. */
export interface Asked {
  /** The config that it works by, or will once the current run has ended. */
  readonly wanted: Config
  readonly engine: Engine
  /** Reads the config again. @throws {UsageError} It is wrong. */
  reload(): Promise<void>
  /** What the daemon does for its fleet. */
  readonly fleet: FleetPart | undefined
}

/** Which config the daemon works by (or will, once the current run has ended), and its run: `GET /status`. */
export const daemonStatus = z.lazy(() =>
  z.object({
    config: z.string(),
    digest: z.string(),
    pid: z.int(),
    /** The run that is going on. */
    run: z.string().nullable(),
  }),
)

/** What `POST /restore` takes. */
const restoreBody = z.lazy(() =>
  z.object({
    from: z.string(),
    source: z.string(),
    request: restoreRequest,
    wait: z.boolean(),
  }),
)

/** What `POST /verify` takes. */
const verifyBody = z.object({ source: z.string(), data: verifyStart.request })

const commandLife = z.int().min(1000).max(longestCommandMs)

/** What `POST /fleet/commands` takes. */
const commandsBody = z.object({
  wishes: z.array(z.object({ host: fleetHost, type: z.enum(askTypes), request: z.unknown() })).min(1),
  forMs: commandLife,
  atMost: z.int().min(1).optional(),
})

/** What `POST /fleet/config` takes. */
const configBody = z.lazy(() =>
  z.object({
    hosts: z.array(fleetHost).min(1),
    set: pushedSet,
    unset: z.array(z.string()),
    clear: z.boolean(),
    forMs: commandLife,
  }),
)

/** What `POST /fleet/cancel` takes. */
const cancelBody = z.object({ ids: z.array(z.string()).min(1), forMs: commandLife })

/** What `POST /fleet/withdraw` takes. */
const withdrawBody = z.object({ host: fleetHost })

/** What `POST /fleet/pause` and `POST /fleet/resume` take. */
const pauseBody = z.discriminatedUnion('of', [
  z.object({ of: z.literal('all') }),
  z.object({ of: z.enum(['server', 'label']), name: z.string().min(1).max(63) }),
])

/** How slots and pauses stand on a hub: `GET /slots`. */
export type SlotsAnswer = FleetSlots

/** What they answer. */
export const commandIds = z.object({ ids: z.array(z.string()) })

/** What `POST /runs` takes. */
const runRequest = z.lazy(() =>
  z.object({
    source: z.string(),
    data: backupRequest.optional(),
    /** Leaves the functions of the user's out. */
    safe: z.boolean().optional(),
    /** Waits for no slot of the fleet. */
    noSlot: z.boolean().optional(),
    /** A hold that is released, instead. */
    release: z.string().optional(),
  }),
)

/**
 * What the other commands of hdsync ask the daemon for over its unix socket, beside the public API: its config and
 * state, to read the config again, and a run that is begun only if none is going on.
 */
export function localRoutes(daemon: () => Asked): AddRoutes {
  let last: Promise<unknown> = Promise.resolve()
  const refuse = (error: Error) => refusal(422, 'This cannot be done', error.message, hintOf(error))
  const status = () => respondJson(statusOf(daemon()))
  return (app) => {
    app.get('/status', status)
    app.post('/reload', () => daemon().reload().then(status).catch(refuse))
    app.get('/lease', ({ req }) => {
      const kind = leaseKind.parse(req.query('kind'))
      return lend(daemon().engine, kind, req.raw.signal)
    })
    app.post('/restore', ({ req }) => restore(daemon(), req).catch(refuse))
    app.post('/verify', ({ req }) => verify(daemon(), req).catch(refuse))
    app.post('/fleet/send', () => {
      daemon().fleet?.hurry()
      return status()
    })
    app.post('/fleet/commands', ({ req }) => give(daemon(), req).catch(refuse))
    app.post('/fleet/config', ({ req }) => configure(daemon(), req).catch(refuse))
    app.post('/fleet/cancel', ({ req }) => cancel(daemon(), req).catch(refuse))
    app.post('/fleet/withdraw', ({ req }) => withdraw(daemon(), req).catch(refuse))
    app.get('/slots', () => respondJson(slotsNow(daemon())))
    app.post('/fleet/pause', ({ req }) => pause(daemon(), req).catch(refuse))
    app.post('/fleet/resume', ({ req }) => resume(daemon(), req).catch(refuse))
    app.post('/runs', ({ req }) => {
      // One after the other: no run may begin between the check that none is going on and the start.
      const answer = last.then(() => begin(daemon(), req))
      last = answer.catch(() => {})
      return answer.catch(refuse)
    })
  }
}

function statusOf({ wanted, engine }: Asked): z.output<typeof daemonStatus> {
  const { file, digest } = wanted
  return { config: file, digest, pid: process.pid, run: engine.current() ?? null }
}

async function begin({ engine }: Asked, request: HonoRequest): Promise<Response> {
  const asked = runRequest.parse(JSON.parse(await readText(request)))
  const { source, data, safe = false, noSlot = false, release } = asked
  const going = engine.current() ?? engine.bus.heldRun()
  // A backup waits for a restore or a drill: the night must not be left out. A verification makes way for it.
  const kind = going === undefined ? undefined : engine.journal.run(going)?.kind
  if (going && !waitedFor(kind)) return refusal(409, 'Another run is going on', going)
  try {
    const { runId } = await (release === undefined
      ? engine.submit({ type: backupStart.type, source, data }, { safe, noSlot })
      : engine.release(release, source))
    return respondJson({ run: runId }, 202)
  } catch (error) {
    if (!(error instanceof HdsyncError)) throw error
    return refusal(422, 'The run cannot begin', error.message, error.hint)
  }
}

async function restore({ engine }: Asked, request: HonoRequest): Promise<Response> {
  const { from, source, request: wanted, wait } = restoreBody.parse(JSON.parse(await readText(request)))
  const going = engine.current() ?? engine.bus.heldRun()
  const isInTheWay = going !== undefined && !makesWay(engine.journal.run(going)?.kind)
  if (isInTheWay && !wait) return refusal(409, 'Another run is going on', going)
  return respondJson({ run: await engine.restore(source, wanted, from) }, 202)
}

async function verify({ engine }: Asked, request: HonoRequest): Promise<Response> {
  const { source, data } = verifyBody.parse(JSON.parse(await readText(request)))
  const going = engine.current() ?? engine.bus.heldRun()
  if (going) return refusal(409, 'Another run is going on', going)
  const { runId } = await engine.submit({ type: verifyStart.type, source, data })
  return respondJson({ run: runId }, 202)
}

async function give({ fleet }: Asked, request: HonoRequest): Promise<Response> {
  const { wishes, forMs, atMost } = commandsBody.parse(JSON.parse(await readText(request)))
  return respondJson({ ids: hubOf(fleet).give(wishes, forMs, atMost) }, 202)
}

async function configure({ fleet }: Asked, request: HonoRequest): Promise<Response> {
  const { hosts, forMs, ...change } = configBody.parse(JSON.parse(await readText(request)))
  return respondJson({ ids: hubOf(fleet).configure(hosts, change, forMs) }, 202)
}

async function cancel({ fleet }: Asked, request: HonoRequest): Promise<Response> {
  const { ids, forMs } = cancelBody.parse(JSON.parse(await readText(request)))
  return respondJson({ ids: hubOf(fleet).cancel(ids, forMs) }, 202)
}

async function withdraw({ fleet }: Asked, request: HonoRequest): Promise<Response> {
  const { host } = withdrawBody.parse(JSON.parse(await readText(request)))
  return respondJson({ ids: hubOf(fleet).withdraw(host) }, 202)
}

async function pause({ fleet }: Asked, request: HonoRequest): Promise<Response> {
  hubOf(fleet).pause(pauseBody.parse(JSON.parse(await readText(request))))
  return respondJson({ paused: hubOf(fleet).paused })
}

async function resume({ fleet }: Asked, request: HonoRequest): Promise<Response> {
  const wasPaused = hubOf(fleet).resume(pauseBody.parse(JSON.parse(await readText(request))))
  return respondJson({ wasPaused, paused: hubOf(fleet).paused })
}

/** None where the daemon is no hub. */
export function slotsNow({ fleet }: Pick<Asked, 'fleet'>): SlotsAnswer {
  return fleet?.commands
    ? { ...fleet.commands.slots, paused: fleet.commands.paused }
    : { servers: [], places: [], isNew: false, paused: [] }
}

/** @throws {HdsyncError} The daemon is no hub, or could not begin to be one. */
function hubOf(fleet: FleetPart | undefined): NonNullable<FleetPart['commands']> {
  if (fleet?.commands) return fleet.commands
  throw new HdsyncError('this daemon is not the hub of a fleet', { hint: 'why not: journalctl -u hdsync' })
}

function refusal(status: number, title: string, detail: string, hint?: string): Response {
  const body = { type: 'about:blank', title, status, detail, ...(hint && { hint }) }
  return respondJson(body, status, { 'content-type': problemMediaType })
}
