import type { EventBus, Publication } from '../../../core/bus/bus.ts'
import type { HostRow, Inbox } from '../../../core/bus/sqlite/fleet/inbox.ts'
import type { Clock } from '../../../core/clock.ts'
import type { Registry } from '../../../core/registry/registry.ts'
import { reasonOf, UsageError } from '../../../errors.ts'
import {
  cancelType,
  commandSubject,
  fleetHostName,
  fleetVersion,
  longestCommandMs,
} from '../../../fleet-protocol.ts'
import { type NatsConnection, orEnd } from '../../../host/fleet/connection.ts'
import type { HubFolder } from '../../../host/fleet/hub-folder.ts'
import { formatDuration } from '../../../units.ts'
import type { Hubs } from '../hubs/hubs.ts'
import type { HubSlots, SlotsNow } from '../slots/hub-slots.ts'
import type { FleetPause, PauseOf } from '../slots/pauses.ts'
import { type ConfigChange, configWishes, setThere } from './configure.ts'
import {
  type CommandWish,
  cancelPublications,
  commandsToSend,
  givenCommands,
  givePublications,
  withdrawPublications,
} from './given.ts'

export interface HubCommandsOptions {
  bus: Pick<EventBus, 'events' | 'find'>
  inbox: Pick<Inbox, 'host' | 'hosts'>
  registry: Registry
  clock: Clock
  folder: HubFolder
  /** How long the record of what was asked is kept: no command is good for longer. */
  keepMs: number
  /** Puts on the bus what is decided, in one transaction with the decision, and tells whom it concerns. */
  publishWith(decide: () => readonly Publication[]): void
  note(message: string): void
  hubs: Pick<Hubs, 'isActive' | 'otherActive' | 'wake'>
  slots: Pick<HubSlots, 'now' | 'pauses' | 'pause' | 'resume' | 'holdsCommands' | 'readAnew'>
}

/** What people have hosts do, and what is paused: it is on the disk of the hub that acts, and sent until hosts have answered. */
export class HubCommands {
  readonly #options: HubCommandsOptions
  #connection: NatsConnection | undefined
  /** Hosts that have come, and are sent what waits for them at the next moment. */
  readonly #ready = new Set<string>()
  #isServing = false

  constructor(options: HubCommandsOptions) {
    this.#options = options
  }

  /** Sends over this connection from now on. @returns What ends that. */
  attach(connection: NatsConnection): () => void {
    this.#connection = connection
    return () => {
      this.#connection = undefined
    }
  }

  /** How the slots of backup servers stand. */
  get slots(): SlotsNow {
    return this.#options.slots.now
  }

  /** What is paused, in the order in which it was. */
  get paused(): readonly FleetPause[] {
    return this.#options.slots.pauses
  }

  /** Grants nothing more, and sends nothing more but what ends something. It is on the disk then. @throws {UsageError} This hub stands by. */
  pause(what: PauseOf): void {
    this.#refuseAsStandby()
    this.#options.slots.pause(what)
    this.#options.hubs.wake()
  }

  /** Grants and sends what has waited. @returns Whether it was paused. @throws {UsageError} This hub stands by. */
  resume(what: PauseOf): boolean {
    this.#refuseAsStandby()
    const wasPaused = this.#options.slots.resume(what)
    this.send()
    this.#options.hubs.wake()
    return wasPaused
  }

  /** Rights may have been taken while nobody was here. */
  withdrawRevoked(): void {
    const { folder, note } = this.#options
    try {
      for (const { host, revokedAt } of folder.hosts()) if (revokedAt !== null) this.withdraw(host)
    } catch (error) {
      note(`fleet: what waits for hosts without rights is not ended: ${reasonOf(error)}`)
    }
  }

  /**
   * Gives commands to hosts, which get them when they are there.
   * @param atMost So many of them are at it at once at most, as far as they wait for slots.
   * @returns Their ids, once they are on the disk. @throws {UsageError} They would be good for longer than this hub remembers them.
   */
  give(wishes: readonly CommandWish[], forMs: number, atMost?: number): string[] {
    const { keepMs } = this.#options
    this.#refuseAsStandby()
    if (forMs > keepMs)
      throw new UsageError(
        `this hub remembers for ${formatDuration(keepMs)} what it has asked for, not for ${formatDuration(forMs)}`,
        { hint: `--within ${formatDuration(keepMs)}, or a longer \`keep\` in its config` },
      )
    return this.#command((options) => givePublications(wishes, { ...options, forMs, atMost }))
  }

  /** Sets something in the config of hosts, or sets it no more. @returns As `give`. @throws {UsageError} As `give`. */
  configure(hosts: readonly string[], change: ConfigChange, forMs: number): string[] {
    const { bus, clock } = this.#options
    return this.give(configWishes(hosts, change, { bus, now: clock.now() }), forMs)
  }

  /** Ends commands that are not over. @returns The ids of those. */
  cancel(ids: readonly string[], longestMs: number): string[] {
    this.#refuseAsStandby()
    const forMs = Math.min(longestMs, this.#options.keepMs)
    return this.#command((options) => {
      const all = givenCommands(this.#options.bus, this.#rows(), options.now)
      return cancelPublications(
        all.filter(({ id }) => ids.includes(id)),
        { ...options, forMs },
      )
    })
  }

  /** Ends what waits for a host that has no rights any more. @returns The ids of those commands. */
  withdraw(host: string): string[] {
    return this.#command(({ registry, now }) =>
      withdrawPublications(givenCommands(this.#options.bus, this.#rows(host), now, host), { registry, now }),
    )
  }

  #rows(host?: string): HostRow[] {
    const { inbox } = this.#options
    return host === undefined ? inbox.hosts() : [inbox.host(host) ?? []].flat()
  }

  #command(
    make: (options: { key: string; registry: Registry; now: number }) => ReturnType<typeof givePublications>,
  ): string[] {
    const { folder, registry, clock, publishWith } = this.#options
    const { ids, publications } = make({ key: folder.commandKey, registry, now: clock.now() })
    publishWith(() => publications)
    this.#options.slots.readAnew()
    this.send()
    this.#options.hubs.wake()
    return ids
  }

  #refuseAsStandby(): void {
    const { otherActive } = this.#options.hubs
    if (otherActive !== undefined)
      throw new UsageError(`this hub stands by: ${otherActive} acts`, { hint: `ask there: ${otherActive}` })
  }

  /** Sends what hosts have not answered. @param hosts Only what is for these. */
  send(hosts?: ReadonlySet<string>): void {
    const connection = this.#connection
    if (!connection || connection.isClosed() || !this.#options.hubs.isActive) return
    const { bus, clock, note } = this.#options
    const [only] = hosts?.size === 1 ? hosts : []
    orEnd(connection, note, () => {
      for (const { host, type, text, signature } of commandsToSend(bus, this.#rows(only), clock.now(), only))
        if ((hosts?.has(host) ?? true) && (type === cancelType || !this.#options.slots.holdsCommands(host)))
          connection.publish(commandSubject(host), JSON.stringify({ v: fleetVersion, text, signature }))
    })
  }

  /** A host that has just come is sent what waits for it. That is done once a second at most, for all that have come: one may say without end that it has. */
  hearReady(host: string): void {
    if (!fleetHostName.test(host)) return
    this.#ready.add(host)
    if (!this.#isServing) this.#serveReady(readyAfterMs)
  }

  #serveReady(afterMs: number): void {
    this.#isServing = true
    const serve = () => {
      this.#isServing = false
      if (!this.#connection || this.#ready.size === 0) return
      const hosts = new Set(this.#ready)
      this.#ready.clear()
      this.#renewConfig(hosts)
      this.send(hosts)
      this.#serveReady(readyEveryMs)
    }
    setTimeout(serve, afterMs).unref()
  }

  /** Settings of hosts that were away for so long that they expired are given again. */
  #renewConfig(hosts: ReadonlySet<string>): void {
    const { bus, clock, keepMs, note } = this.#options
    if (!this.#options.hubs.isActive) return
    try {
      const now = clock.now()
      const late = [...hosts].filter((host) => setThere(bus, host, now)[0]?.state === 'expired')
      const none = { set: [], unset: [], clear: false }
      if (late.length > 0) this.configure(late, none, Math.min(longestCommandMs, keepMs))
    } catch (error) {
      note(`fleet: what hosts have missed is not set again: ${reasonOf(error)}`)
    }
  }
}

const readyAfterMs = 50
const readyEveryMs = 1000
