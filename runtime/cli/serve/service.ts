import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import { type Engine, type EngineObserver, loadFunctions, openEngine } from '../../engine/engine.ts'
import { HdsyncError, UsageError } from '../../errors.ts'
import { loadWays } from '../../host/hooks.ts'
import type { DirectRoutes } from '../../http/direct.ts'
import { createHandler, type Handler, loadRest } from '../../http/handler.ts'
import { readSecrets, type Secrets } from '../../http/secrets.ts'
import { loadLater } from '../load-later.ts'
import { localRoutes } from './local.ts'

/** The engine of a daemon, with what it answers over HTTP; both are replaced when the config is read again. */
export interface Service {
  readonly config: Config
  readonly engine: Engine
  /** Answers a request; `trusted` when it came over a socket that file permissions guard. */
  handle(...request: [...Parameters<Handler>, trusted: boolean]): Promise<void>
  /**
   * Checks a new config, waits for what is going on, and goes on with the new one.
   * @throws {UsageError} It is wrong: the old one stays.
   */
  reload(): Promise<void>
  /** Waits until nothing is going on; no further run begins. */
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
  /** Called when the store fails: nothing can go on. */
  onFailure(error: Error): void
}

/** How long a run that is going on may take to end when the daemon is stopped, before it is cancelled. */
const graceMs = 5000
/** How long hooks are waited for; what they do not manage is told again by the next start. */
const hookPatienceMs = 5000

/** @returns undefined when another process holds the lock on the state directory. */
export async function openService(options: ServiceOptions): Promise<Service | undefined> {
  let { config } = options
  // What is wrong with the config is told before anything has begun.
  const secrets = await readSecrets(config)
  const first = await begin(config, options)
  if (!first) return undefined
  let engine = first
  const local = localRoutes(() => service)
  let apps = appsOf(engine, config, secrets, options, local)
  // Requests that come while the config is being replaced wait for the new one.
  let settled: Promise<void> = Promise.resolve()

  async function replace(next: Config, secrets: Secrets): Promise<void> {
    await quiet(engine)
    const done = Promise.withResolvers<void>()
    settled = done.promise
    try {
      // Before the store is closed, which they read.
      apps.close()
      await engine.stop()
      const opened = await begin(next, options)
      if (!opened) throw new HdsyncError(`another hdsync has taken the state directory ${next.state}`)
      engine = opened
      config = next
      apps = appsOf(engine, config, secrets, options, local)
    } catch (error) {
      options.onFailure(error as Error)
    } finally {
      done.resolve()
    }
  }

  let reloading: Promise<void> = Promise.resolve()
  const service: Service = {
    get config() {
      return config
    },
    get engine() {
      return engine
    },
    async handle(incoming, outgoing, trusted) {
      await settled
      await (trusted ? apps.trusted : apps.open)(incoming, outgoing)
    },
    reload() {
      const next = async () => {
        const loaded = await options.load()
        if (loaded.state !== config.state) {
          throw new UsageError(`\`state\` has changed from ${config.state} to ${loaded.state}`, {
            hint: 'that takes a restart: systemctl restart hdsync',
          })
        }
        await loadFunctions(loaded)
        await replace(loaded, await readSecrets(loaded))
      }
      const result = reloading.then(next)
      reloading = result.catch(() => {})
      return result
    },
    hangUp: () => apps.close(),
    async settle() {
      await settled
      await quiet(engine)
    },
    async stop() {
      await settled
      const { failed } = engine.dispatcher
      if (failed) await engine.abandon(failed)
      else await leave(engine)
      await engine.stop()
    },
  }
  return service
}

async function begin(config: Config, { observer, onFailure }: ServiceOptions): Promise<Engine | undefined> {
  const load = () => Promise.all([loadRest(), loadWays(config.notify)])
  const engine = await openEngine({ config, observer: loadLater(load, observer), onFailure })
  if (!engine) return undefined
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
  local: DirectRoutes,
) {
  const closing = new AbortController()
  const { onWarning } = observer
  const common = {
    engine,
    config,
    version,
    secrets,
    closing: closing.signal,
    ...(onWarning && { onWarning }),
  }
  return {
    trusted: createHandler({ ...common, trusted: true }, local),
    open: createHandler({ ...common, trusted: false }),
    /** Ends the streams that are open. */
    close: () => closing.abort(),
  }
}

/** Runs that wait are kept for the next start; the one that is going on ends soon, or is ended in order. */
async function leave(engine: Engine): Promise<void> {
  engine.hold()
  const current = engine.current()
  if (current) {
    const ended = engine.ended(current).catch(() => {})
    await Promise.race([ended, sleep(graceMs, undefined, { ref: false })])
    await engine.cancel(current, 'cancelled: hdsync serve was stopped')
    await ended
  }
  const idle = engine.dispatcher.idle()
  await Promise.race([idle, sleep(hookPatienceMs, undefined, { ref: false })])
  await engine.dispatcher.abandon(new HdsyncError('hdsync serve was stopped'))
}

/** Waits until nothing is going on. Runs that wait are kept. */
async function quiet(engine: Engine): Promise<void> {
  engine.hold()
  while (engine.current() || engine.dispatcher.inHand > 0) {
    const current = engine.current()
    await (current ? engine.ended(current) : engine.dispatcher.idle())
  }
}
