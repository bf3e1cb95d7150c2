import type { EngineObserver } from '../../backup/engine.ts'
import { loadConfig } from '../../config/load.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { hintOf, reasonOf, UsageError } from '../../errors.ts'
import { parseDuration } from '../../units.ts'
import { createIdleWatch, type IdleWatch } from '../daemon/idle.ts'
import { Listeners } from '../daemon/listeners.ts'
import { createProgressCheck } from '../daemon/progress.ts'
import { refuseWaiting } from '../daemon/refusal.ts'
import { openService, type Service } from '../daemon/service.ts'
import { createServiceManager, type ServiceManager } from '../daemon/service-manager.ts'
import { activatedSockets } from '../daemon/sockets.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { logView } from '../view/choose.ts'
import type { View } from '../view/lines.ts'
import { wordsOf } from '../view/words.ts'

export interface ServeOptions {
  config?: string
  /** A duration such as `60s`. */
  exitWhenIdle?: string
}

interface End {
  code: number
  why: string
}

/**
 * `hdsync serve`: the daemon. It ends in order on SIGTERM and SIGINT, reads its config again on SIGHUP, and leaves
 * once nothing is left to do on SIGUSR2 (for upgrades).
 */
export async function serveCommand(options: ServeOptions, version: string, io: Io): Promise<number> {
  const sockets = activatedSockets(io.env)
  try {
    return await serve(options, version, sockets, io)
  } catch (error) {
    await refuseWaiting(sockets, (error as Error).message, hintOf(error))
    throw error
  }
}

async function serve(
  options: ServeOptions,
  version: string,
  sockets: readonly number[],
  io: Io,
): Promise<number> {
  const idleMs = idleOf(options)
  const manager = createServiceManager({ ...io.env })
  forgetHandover()
  const load = () => loadConfig({ path: options.config, env: io.env })
  const config = await load()
  const view = await logView(config, io)
  for (const warning of config.warnings) view.note(warning)

  const ended = Promise.withResolvers<End>()
  let idle: IdleWatch | undefined
  const service = await openService({
    config,
    load,
    version,
    observer: tellAll(view, manager, () => idle?.touch()),
    note: (message) => view.note(message),
    onTaken: () => followConfig(listeners, view),
    onFailure: (error) =>
      ended.resolve({ code: exitCodes.failed, why: `nothing can go on: ${reasonOf(error)}` }),
  })
  if (!service) {
    const holder = lockHolder(config.state)
    const reason = `another hdsync${holder ? ` (process ${holder})` : ''} is at work on ${config.state}`
    view.note(reason)
    await refuseWaiting(sockets, reason)
    // systemd would start it again for an error; the socket does that when it is of use.
    return sockets.length > 0 ? 0 : exitCodes.busy
  }
  const listeners = new Listeners(
    service,
    () => idle?.touch(),
    (message) => view.note(message),
  )
  const isBusy = () => service.busy() || listeners.clients > 0 || staysForOthers(service.config)
  const watch = createIdleWatch({
    idleMs,
    busy: isBusy,
    async leave() {
      // To arrange that takes a while, in which somebody may come.
      if (!(await arrangeAwakening(service, manager)) || isBusy()) return false
      // Whoever comes from now on waits for the next start.
      listeners.stopAccepting()
      ended.resolve({ code: 0, why: 'nothing is left to do' })
      return true
    },
  })
  idle = watch
  let unhandle = () => {}
  let unwatch = () => {}
  try {
    await listeners.open(sockets)
    view.note(`ready on ${listeners.addresses.join(' and ')}`)
    manager.ready()
    const moves = createProgressCheck(() => service.engine)
    unwatch = manager.watch(() => service.isBetween || moves())
    unhandle = onSignals({ service, manager, view, end: ended.resolve })
    const { code, why } = await ended.promise
    view.note(`stops: ${why}`)
    return code
  } finally {
    manager.stopping()
    watch.stop()
    unwatch()
    // Those who follow a run see it end.
    const stopped = service.stop()
    await stopped.finally(() => service.hangUp())
    await listeners.close()
    unhandle()
  }
}

/** Nobody else listens on the sockets for users, for hosts that send to the vault, for those that tell the hub, and for the hub. */
function staysForOthers({ http, vault, fleet }: Service['config']): boolean {
  const isFleets = fleet !== undefined && (fleet.role === 'hub' || fleet.obeys.length > 0)
  return http?.users !== undefined || vault !== undefined || isFleets
}

/** @throws {UsageError} Not a duration. */
function idleOf({ exitWhenIdle }: ServeOptions): number | undefined {
  if (exitWhenIdle === undefined) return undefined
  const idleMs = parseDuration(exitWhenIdle)
  if (idleMs) return idleMs
  throw new UsageError(`--exit-when-idle ${exitWhenIdle} is not a duration`, { hint: 'write 60s, 5m or 1h' })
}

/** What the service manager has told this process is not for the commands that it runs. */
function forgetHandover(): void {
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'NOTIFY_SOCKET', 'WATCHDOG_USEC']) {
    delete process.env[name]
  }
}

function tellAll(view: View, manager: ServiceManager, touch: () => void): EngineObserver {
  return {
    ...view,
    onEvent(event) {
      touch()
      view.onEvent?.(event)
      const words = wordsOf(event)
      if (words) manager.status(`${event.subject ?? 'run'}: ${words}`)
    },
  }
}

/**
 * Has the service started again when something that waits is due, or a source overdue. @returns Whether it may leave:
 * who is overdue the next start tells as well, but what waits must not wait for it.
 */
async function arrangeAwakening({ engine }: Service, manager: ServiceManager): Promise<boolean> {
  const due = engine.nextDue()
  const moments = [due, engine.nextOverdue()].filter((moment) => moment !== undefined)
  if (moments.length === 0) return true
  return (await manager.wakeAt(Math.min(...moments))) || due === undefined
}

/** A new config may name other addresses. That one cannot be listened on keeps nothing else from going on. */
async function followConfig(listeners: Listeners, view: View): Promise<void> {
  try {
    await listeners.follow()
  } catch (error) {
    view.note(`cannot listen as the config says now: ${reasonOf(error)}`)
  }
}

interface Handled {
  service: Service
  manager: ServiceManager
  view: View
  end(end: End): void
}

/** @returns A function that lets signals do again what they did. */
function onSignals({ service, manager, view, end }: Handled): () => void {
  let asked = false
  const stop = (signal: NodeJS.Signals) => {
    // The second one leaves it to the next start.
    if (asked) process.exit(1)
    asked = true
    end({ code: 0, why: signal })
  }
  const reload = async () => {
    if (asked) return
    manager.reloading()
    try {
      await service.reload()
    } catch (error) {
      view.note(`the config is not taken, the old one stays: ${reasonOf(error)}`)
    } finally {
      // What is going on goes on by the old one: that it is not over keeps nobody waiting.
      if (!asked) manager.ready()
    }
  }
  const retire = async () => {
    await service.settle()
    end({ code: 0, why: 'SIGUSR2, and nothing is left to do' })
  }
  const handlers: [NodeJS.Signals, (signal: NodeJS.Signals) => void][] = [
    ['SIGTERM', stop],
    ['SIGINT', stop],
    ['SIGHUP', () => void reload()],
    ['SIGUSR2', () => void retire()],
  ]
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
