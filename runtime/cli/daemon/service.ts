import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine, EngineObserver } from '../../backup/engine.ts'
import type { FleetPart } from '../../backup/fleet/start-part.ts'
import { loadFunctions } from '../../backup/load-functions.ts'
import { openEngine } from '../../backup/open-engine.ts'
import type { Config } from '../../config/config.ts'
import { failureText } from '../../core/guests/failure-text.ts'
import { factPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { HdsyncError, reasonOf, UsageError } from '../../errors.ts'
import { loadWays } from '../../host/notify/hooks.ts'
import type { AddRoutes, FleetSlots } from '../../http/context.ts'
import { createHandler, type Handler } from '../../http/handler.ts'
import { loadExposition } from '../../http/routes/metrics.ts'
import { readSecrets, type Secrets } from '../../http/secrets.ts'
import { fleetPart } from '../fleet/part.ts'
import { loadAhead } from '../load-ahead.ts'
import { localRoutes, slotsNow } from './local.ts'
import { cutOff, quiet } from './quiet.ts'
import { usersHandler } from './users/handler.ts'
import { openVault } from './vault/open.ts'

/** The engine of a daemon, with what it answers over HTTP; both are replaced when the config is read again. */
export interface Service {
  /** What it works by now. */
  readonly config: Config
  /** The config that it works by, or will once what is going on has ended. */
  readonly wanted: Config
  readonly engine: Engine
  /** Between two configs: nothing can be asked for in that moment. */
  readonly isBetween: boolean
  /** Whether anything is going on, or could go on at once. */
  busy(): boolean
  /** Answers a request; `trusted` when it came over a socket that file permissions guard. */
  handle(...request: [...Parameters<Handler>, trusted: boolean]): Promise<void>
  /** Answers a request of a user who is not root, over the socket for them. */
  handleUser(...request: Parameters<Handler>): Promise<void>
  /** Answers the user of a host that sends to the vault, over the socket for them. */
  handleVault(...request: Parameters<Handler>): Promise<void>
  /**
   * Checks a new config, which is taken once nothing is going on. What is asked for meanwhile is judged by it, and begins
   * with it. Waits for nothing that is going on: a stop, a cancel and a start can be asked for at any time.
   * @throws {UsageError} It is wrong: what was taken before stays.
   */
  reload(): Promise<void>
  /** What this daemon does for its fleet. */
  readonly fleet: FleetPart | undefined
  /** Waits until nothing is going on; no further run begins, and no other config is taken. */
  settle(): Promise<void>
  /** Ends the streams that are open. */
  hangUp(): void
  /** Lets what is in hand end, or ends it in order, and gives the store back. */
  stop(): Promise<void>
}

export interface ServiceOptions {
  config: Config
  /** Reads the config anew. */
  load: () => Promise<Config>
  observer: EngineObserver
  version: string
  /** Says something to whoever reads the log. */
  note(message: string): void
  /** Called when a new config has been taken. */
  onTaken(): Promise<void>
  /** Called when the store fails: nothing can go on. */
  onFailure(error: Error): void
}

/** A config that was found good, with what it names. */
interface Next {
  config: Config
  secrets: Secrets
}

/** How long a run that is going on may take to end when the daemon is stopped, before it is cancelled. */
const graceMs = 5000
/** What is answered by the functions as they are: events are checked by what handles them. */
const aboutFunctions = /^\/(events|functions|openapi\.json)\b/

/** How long answers that are under way may take before the store is closed. */
const answerMs = 1000

/** @returns undefined when another process holds the lock on the state directory. */
export async function openService(options: ServiceOptions): Promise<Service | undefined> {
  let { config } = options
  // What is wrong with the config is told before anything has begun.
  const secrets = await readSecrets(config)
  const first = await begin(config, options)
  if (!first) return undefined
  let engine = first
  const fleetOptions = {
    obeys: true,
    onConfigured: () =>
      void service.reload().catch((error) => options.note(`the config is not read anew: ${reasonOf(error)}`)),
  }
  let fleet = await fleetPart(config, engine, options.note, fleetOptions)
  const beside = { local: localRoutes(() => service), slots: () => slotsNow(service) }
  let apps = appsOf(engine, config, secrets, options, beside)
  const answering = new Set<Promise<void>>()
  let next: Next | undefined
  /** Runs until no config is left to be taken. */
  let taking: Promise<void> | undefined
  /** Requests that come while the config is being replaced wait for the new one. */
  let replacing: Promise<void> | undefined
  let isLeaving = false
  let isLost = false

  async function takeAll(): Promise<void> {
    while (next) {
      await quiet(engine, { isUrgent: () => engine.bus.heldRun() !== undefined })
      // The way out is another one: whoever stops the engine must not find a second one.
      if (isLeaving || engine.dispatcher.failed) return
      const taken = next
      next = undefined
      replacing = replace(taken)
      await replacing
      replacing = undefined
    }
  }

  async function replace({ config: wanted, secrets }: Next): Promise<void> {
    try {
      // Before the store is closed, which they read.
      apps.close()
      await Promise.race([Promise.all(answering), sleep(answerMs, undefined, { ref: false })])
      await fleet?.stop()
      await engine.stop()
      isLost = true
      const opened = await begin(wanted, options)
      if (!opened) throw new HdsyncError(`another hdsync has taken the state directory ${wanted.state}`)
      isLost = false
      engine = opened
      config = wanted
      fleet = await fleetPart(config, engine, options.note, fleetOptions)
      apps = appsOf(engine, config, secrets, options, beside)
      options.note(`goes on with ${config.file} as it is now`)
      await options.onTaken()
    } catch (error) {
      options.onFailure(error as Error)
    }
  }

  async function read(): Promise<void> {
    const loaded = await options.load()
    if (loaded.state !== config.state) {
      throw new UsageError(`\`state\` has changed from ${config.state} to ${loaded.state}`, {
        hint: 'that takes a restart: systemctl restart hdsync',
      })
    }
    const registry = await loadFunctions(loaded)
    // It only judges.
    registry.close()
    const secrets = await readSecrets(loaded)
    await replacing
    if (isLeaving) throw new HdsyncError('hdsync serve is being stopped')
    next = { config: loaded, secrets }
    engine.hold()
    engine.judgeBy(loaded, registry)
    fleet?.obeyOnly?.(loaded.fleet)
    const run = engine.current()
    if (run) options.note(`takes ${loaded.file} as it is now once run ${run} has ended`)
    taking ??= takeAll()
      .catch(options.onFailure)
      .finally(() => {
        taking = undefined
      })
  }

  async function answered(answer: ReturnType<Handler>): Promise<void> {
    const over = Promise.resolve(answer).catch(() => {})
    answering.add(over)
    await Promise.resolve(answer).finally(() => answering.delete(over))
  }

  let reloading: Promise<void> = Promise.resolve()
  const service: Service = {
    get config() {
      return config
    },
    get wanted() {
      return next?.config ?? config
    },
    get engine() {
      return engine
    },
    get isBetween() {
      return replacing !== undefined
    },
    busy: () => taking !== undefined || engine.busy(),
    async handle(incoming, outgoing, trusted) {
      await replacing
      if (aboutFunctions.test(incoming.url ?? '')) await engine.refreshed()
      await answered((trusted ? apps.trusted : apps.open)(incoming, outgoing))
    },
    async handleUser(incoming, outgoing) {
      await replacing
      await answered(apps.users(incoming, outgoing))
    },
    async handleVault(incoming, outgoing) {
      await replacing
      await answered(apps.vault(incoming, outgoing))
    },
    reload() {
      const result = reloading.then(read)
      reloading = result.catch(() => {})
      return result
    },
    get fleet() {
      return fleet
    },
    hangUp: () => apps.close(),
    async settle() {
      isLeaving = true
      await replacing
      await quiet(engine)
    },
    async stop() {
      isLeaving = true
      await replacing
      if (isLost) return
      const { failed } = engine.dispatcher
      if (failed) await engine.abandon(failed)
      else await leave(engine)
      await fleet?.stop()
      await engine.stop()
    },
  }
  return service
}

async function begin(
  config: Config,
  { observer, onFailure, note }: ServiceOptions,
): Promise<Engine | undefined> {
  const load = () => Promise.all([loadExposition(), loadWays(config.notify)])
  const tellFailures = ({ failures, disabled }: Pick<Registry, 'failures' | 'disabled'>) => {
    for (const failure of failures) if (!disabled.has(failure.name)) note(failureText(failure))
  }
  const engine = await openEngine({
    config,
    schedules: true,
    observer: loadAhead(load, observer),
    onFailure,
    onFunctions(registry) {
      note(`goes on with the functions in ${config.functions} as they are now`)
      tellFailures(registry)
    },
  })
  if (!engine) return undefined
  tellFailures(engine.registry)
  try {
    await engine.start()
    return engine
  } catch (error) {
    await engine.abandon(error as Error)
    throw error
  }
}

/** What is answered over HTTP, for those whom the permissions of the socket have let in and for everybody else. */
function appsOf(
  engine: Engine,
  config: Config,
  secrets: Secrets,
  { version, observer }: ServiceOptions,
  { local, slots }: { local: AddRoutes; slots: () => FleetSlots },
) {
  const closing = new AbortController()
  const { onWarning } = observer
  const common = {
    engine,
    config,
    version,
    secrets,
    checks: true,
    slots,
    closing: closing.signal,
    ...(onWarning && { onWarning }),
  }
  return {
    trusted: createHandler({ ...common, trusted: true }, local),
    open: createHandler({ ...common, trusted: false }),
    users: usersHandler({ engine, config, onWarning: onWarning ?? (() => {}) }),
    vault: openVault(config, {
      signal: closing.signal,
      onWarning: onWarning ?? (() => {}),
      tell: ({ definition, data }) => {
        const fact = factPublication(engine.registry, definition, data, Date.now())
        engine.dispatcher.publish([fact]).catch((error) => onWarning?.(reasonOf(error)))
      },
    }),
    /** Ends the streams that are open. */
    close: () => closing.abort(),
  }
}

/** Runs that wait are kept for the next start; the one that is going on ends soon, or is ended in order. */
async function leave(engine: Engine): Promise<void> {
  engine.hold()
  engine.dispatcher.holdGuests()
  const current = engine.current()
  if (current) {
    const ended = engine.ended(current).catch(() => {})
    await Promise.race([ended, sleep(graceMs, undefined, { ref: false })])
    await engine.cancel(current, 'cancelled: hdsync serve was stopped')
    await ended
  }
  await cutOff(engine, 'hdsync serve was stopped')
}
