import { fleetSilent } from '../../../events/index.ts'
import type { EventBus, Publication } from '../../core/bus/bus.ts'
import type { Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import type { Clock } from '../../core/clock.ts'
import { factPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { reasonOf, UsageError } from '../../errors.ts'
import {
  askSubject,
  cancelType,
  commandSubject,
  fleetHostName,
  fleetVersion,
  hostOfSubject,
  joinedSubject,
  joinSubject,
  longestCommandMs,
  type ReceiptMessage,
  readySubject,
  receiptSubject,
} from '../../fleet-protocol.ts'
import { replicasOn } from '../../host/fleet/broker-config.ts'
import {
  type BrokerDoor,
  hear,
  type NatsConnection,
  orEnd,
  rotated,
  type StayOptions,
  stayConnected,
} from '../../host/fleet/connection.ts'
import { readStream } from '../../host/fleet/event-stream.ts'
import type { HubFolder } from '../../host/fleet/hub-folder.ts'
import { isoOf } from '../../instant.ts'
import { formatDuration } from '../../units.ts'
import { type ConfigChange, configWishes, setThere } from './commands/configure.ts'
import {
  type CommandWish,
  cancelPublications,
  commandsToSend,
  givenCommands,
  givePublications,
  withdrawPublications,
} from './commands/given.ts'
import { answerJoin, changeList } from './enrol.ts'
import { Hubs, type HubsOptions } from './hubs/hubs.ts'
import { markOf, receiptFor, type StreamMessage, takeMessages } from './inbox-taking.ts'
import { silentHosts } from './overview.ts'
import { HubSlots, type SlotsNow } from './slots/hub-slots.ts'
import type { FleetPause, PauseOf } from './slots/pauses.ts'

export interface HubOptions extends Pick<HubsOptions, 'id' | 'name' | 'times'> {
  inbox: Inbox
  bus: Pick<EventBus, 'events' | 'find' | 'open'>
  registry: Registry
  clock: Clock
  folder: HubFolder
  door: BrokerDoor
  /** How long the record of what was asked is kept: no command is good for longer. */
  keepMs: number
  /** Puts on the bus what is decided, in one transaction with the decision, and tells whom it concerns. */
  publishWith(decide: () => readonly Publication[]): void
  note(message: string): void
  /** How many hosts at once, by backup server; none unless given. */
  slots?: Readonly<Record<string, number>>
  /** How often hosts say how they stand with a slot. */
  slotRepeatMs?: number
  pauses?: Pick<StayOptions, 'firstPauseMs' | 'longestPauseMs'>
}

/** Silent hosts are looked for so often. */
const lookEveryMs = 60_000
/**
 * What hosts told while the hub was away still lies in the stream: they are looked for once that is read, or so long after the start where there is
 * no connection.
 */
const firstLookMs = 10 * 60_000

/** Takes what hosts tell into the hub's own store, and confirms it once it is on the disk. */
export class Hub {
  readonly #options: HubOptions
  readonly #end = new AbortController()
  #done: Promise<void> | undefined
  #clearTimer = () => {}
  #isTold = false
  #hasCaughtUp = false
  #connection: NatsConnection | undefined
  /** Hosts that have come, and are sent what waits for them at the next moment. */
  readonly #ready = new Set<string>()
  #isServing = false
  readonly #hubs: Hubs
  readonly #slots: HubSlots
  #wasActive = false
  /** Another hub has acted since this one did, and may have granted slots. */
  #hasOtherActed = false
  /** Since when there is no connection, by the clock of the hub. */
  #cutOffAt: number
  /** What has come of the stream and is not taken: with it the hub that acts is not done yet. */
  #pending: StreamMessage[] = []

  constructor(options: HubOptions) {
    this.#options = options
    this.#cutOffAt = options.clock.now()
    this.#hubs = new Hubs({ ...options, onChange: (isNews) => this.#goOn(isNews) })
    const { slots = {}, slotRepeatMs: repeatMs } = options
    this.#slots = new HubSlots({
      ...options,
      slots,
      isActive: () => this.isActive(),
      isFirst: options.folder.hosts().length === 0,
      ...(repeatMs !== undefined && { repeatMs }),
    })
  }

  /** Whether this hub acts for the fleet at this moment; another one may, or none. */
  isActive(): boolean {
    return this.#hubs.isActive
  }

  /** How the slots of backup servers stand. */
  get slots(): SlotsNow {
    return this.#slots.now
  }

  /** What is paused, in the order in which it was. */
  get paused(): readonly FleetPause[] {
    return this.#slots.pauses
  }

  /** Grants nothing more, and sends nothing more but what ends something. It is on the disk then. @throws {UsageError} This hub stands by. */
  pause(what: PauseOf): void {
    this.#refuseAsStandby()
    this.#slots.pause(what)
    this.#hubs.wake()
  }

  /** Grants and sends what has waited. @returns Whether it was paused. @throws {UsageError} This hub stands by. */
  resume(what: PauseOf): boolean {
    this.#refuseAsStandby()
    const wasPaused = this.#slots.resume(what)
    this.#sendCommands()
    this.#hubs.wake()
    return wasPaused
  }

  start(): void {
    const { door, folder, note, pauses } = this.#options
    try {
      // An earlier hdsync may have given its hosts other rights.
      if (changeList(folder, () => folder.writeUsers())) folder.reloadBroker()
    } catch (error) {
      note(`fleet: what hosts may do is not written anew: ${reasonOf(error)}`)
    }
    this.#withdrawRevoked()
    let attempts = 0
    this.#done = stayConnected({
      // After a break with another server: the one that was had may have lost the others.
      door: () => ({ ...door, servers: rotated(door.servers, attempts++) }),
      note,
      signal: this.#end.signal,
      session: (connection, signal) => this.#session(connection, signal),
      ...pauses,
    })
    this.#watchAfter(firstLookMs)
  }

  /** Rights may have been taken while nobody was here. */
  #withdrawRevoked(): void {
    const { folder, note } = this.#options
    try {
      for (const { host, revokedAt } of folder.hosts()) if (revokedAt !== null) this.withdraw(host)
    } catch (error) {
      note(`fleet: what waits for hosts without rights is not ended: ${reasonOf(error)}`)
    }
  }

  async stop(): Promise<void> {
    this.#end.abort()
    this.#clearTimer()
    await this.#done
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
      const all = givenCommands(this.#options.bus, options.now)
      return cancelPublications(
        all.filter(({ id }) => ids.includes(id)),
        { ...options, forMs },
      )
    })
  }

  /** Ends what waits for a host that has no rights any more. @returns The ids of those commands. */
  withdraw(host: string): string[] {
    return this.#command(({ registry, now }) =>
      withdrawPublications(givenCommands(this.#options.bus, now, host), { registry, now }),
    )
  }

  #command(
    make: (options: { key: string; registry: Registry; now: number }) => ReturnType<typeof givePublications>,
  ): string[] {
    const { folder, registry, clock, publishWith } = this.#options
    const { ids, publications } = make({ key: folder.commandKey, registry, now: clock.now() })
    publishWith(() => publications)
    this.#sendCommands()
    this.#hubs.wake()
    return ids
  }

  #refuseAsStandby(): void {
    const { otherActive } = this.#hubs
    if (otherActive !== undefined)
      throw new UsageError(`this hub stands by: ${otherActive} acts`, { hint: `ask there: ${otherActive}` })
  }

  /** Sends what hosts have not answered. @param hosts Only what is for these. */
  #sendCommands(hosts?: ReadonlySet<string>): void {
    const connection = this.#connection
    if (!connection || connection.isClosed() || !this.isActive()) return
    const { bus, clock, note } = this.#options
    const [only] = hosts?.size === 1 ? hosts : []
    orEnd(connection, note, () => {
      for (const { host, type, text, signature } of commandsToSend(bus, clock.now(), only))
        if ((hosts?.has(host) ?? true) && (type === cancelType || !this.#slots.holdsCommands(host)))
          connection.publish(commandSubject(host), JSON.stringify({ v: fleetVersion, text, signature }))
    })
  }

  /** A host that has just come is sent what waits for it. That is done once a second at most, for all that have come: one may say without end that it has. */
  #hearReady(host: string): void {
    if (!fleetHostName.test(host)) return
    this.#ready.add(host)
    if (!this.#isServing) this.#serveReady(readyAfterMs)
  }

  #serveReady(afterMs: number): void {
    this.#isServing = true
    const serve = () => {
      this.#isServing = false
      if (this.#end.signal.aborted || this.#ready.size === 0) return
      const hosts = new Set(this.#ready)
      this.#ready.clear()
      this.#renewConfig(hosts)
      this.#sendCommands(hosts)
      this.#serveReady(readyEveryMs)
    }
    setTimeout(serve, afterMs).unref()
  }

  /** Settings of hosts that were away for so long that they expired are given again. */
  #renewConfig(hosts: ReadonlySet<string>): void {
    const { bus, clock, keepMs, note } = this.#options
    if (!this.isActive()) return
    try {
      const now = clock.now()
      const late = [...hosts].filter((host) => setThere(bus, host, now)[0]?.state === 'expired')
      const none = { set: [], unset: [], clear: false }
      if (late.length > 0) this.configure(late, none, Math.min(longestCommandMs, keepMs))
    } catch (error) {
      note(`fleet: what hosts have missed is not set again: ${reasonOf(error)}`)
    }
  }

  async #session(connection: NatsConnection, signal: AbortSignal): Promise<void> {
    const { inbox, folder, note } = this.#options
    const asked = new Set<string>()
    this.#pending = []
    hear(connection, joinSubject('*'), note, ({ subject, data }) => {
      if (!this.isActive()) return
      const host = hostOfSubject(subject, 2)
      const answer = answerJoin(host, data, folder, this.#options.clock.now())
      if (!answer) return
      connection.publish(joinedSubject(host), JSON.stringify(answer))
      note(
        answer.error === null
          ? `fleet: ${host} has joined`
          : `fleet: ${host} was not let in: ${answer.error}`,
      )
      if (answer.error !== null) return
      this.#hubs.wake()
      // The new rights cut the connection off over which the answer goes.
      void connection.flush().then(() => setTimeout(() => folder.reloadBroker(), reloadAfterMs))
    })
    const answer = () => {
      if (this.#pending.length > 0 || !this.isActive()) return
      for (const host of asked) send(connection, host, receiptFor(inbox.host(host), true))
      asked.clear()
    }
    const replicas = replicasOn(this.#options.door.servers)
    const hubs = await this.#hubs.open(connection, { signal, replicas })
    const stream = await readStream(connection, {
      position: inbox.position,
      markOf,
      replicas,
      take: (messages) => {
        this.#pending.push(...messages)
        this.#takePending(connection)
      },
      onCaughtUp: () => {
        answer()
        this.#caughtUp()
      },
    })
    hear(connection, askSubject('*'), note, ({ subject }) => {
      // Hosts ask again: whoever acts then answers.
      if (signal.aborted || !this.isActive()) return
      const host = hostOfSubject(subject, 2)
      if (!fleetHostName.test(host)) return
      asked.add(host)
      // Before the stream is read to its end, what a host misses may still be in it.
      if (stream.isCaughtUp()) answer()
    })
    hear(connection, readySubject('*'), note, ({ subject }) => this.#hearReady(hostOfSubject(subject, 2)))
    if (stream.isCaughtUp()) this.#caughtUp()
    this.#connection = connection
    const detach = this.#slots.attach(connection)
    try {
      this.#wasActive = false
      this.#goOn(false)
      await Promise.race([stream.ended, hubs.ended])
    } finally {
      detach()
      this.#connection = undefined
      this.#cutOffAt = this.#options.clock.now()
    }
  }

  /** This hub may act now, or follow the one that does. */
  #goOn(isNews: boolean): void {
    const connection = this.#connection
    if (!connection || connection.isClosed()) return
    orEnd(connection, this.#options.note, () => {
      this.#takePending(connection)
      const isActive = this.isActive()
      if (isNews) this.#slots.readPauses()
      if (isActive && this.#hasOtherActed) this.#slots.renew()
      this.#hasOtherActed = !isActive && (this.#hasOtherActed || this.#hubs.otherActive !== undefined)
      if (isActive && (isNews || !this.#wasActive)) this.#sendCommands()
      if (isActive && !this.#wasActive && this.#hasCaughtUp) this.#watch()
      this.#wasActive = isActive
    })
  }

  /** Takes what has come: of hooks and functions only that with which no other hub is done; one that stands by leaves this for when it takes over. */
  #takePending(connection: NatsConnection): void {
    const isActive = this.isActive()
    const { doneUpTo } = this.#hubs
    const later = this.#pending.findIndex(({ seq }) => seq > doneUpTo)
    const done = this.#pending.splice(0, later < 0 ? this.#pending.length : later)
    if (done.length > 0) this.#take(done, connection, { isActive, isNews: false })
    if (!isActive || this.#pending.length === 0) return
    this.#take(this.#pending.splice(0), connection, { isActive, isNews: true })
  }

  #take(
    messages: readonly StreamMessage[],
    connection: NatsConnection,
    { isActive, isNews }: { isActive: boolean; isNews: boolean },
  ): void {
    const { inbox, registry, clock, publishWith, note } = this.#options
    let receipts = new Map<string, ReceiptMessage>()
    let strange: string[] = []
    publishWith(() => {
      const taken = takeMessages(messages, { inbox, registry, now: clock.now() })
      receipts = taken.receipts
      strange = taken.strange
      return isNews ? taken.publications : taken.publications.map(({ event }) => ({ event, deliveries: [] }))
    })
    // Of how far the one that acts has come only that one knows.
    if (isActive) for (const [host, receipt] of receipts) send(connection, host, receipt)
    if (strange.length > 0 && !this.#isTold) {
      this.#isTold = true
      note(`fleet: ${strange[0]}; more that is strange is not told of`)
    }
  }

  /** Tells of hosts that have gone silent, once each. Never throws. */
  #watch(): void {
    const { clock, inbox, bus, registry, folder, publishWith } = this.#options
    try {
      const now = clock.now()
      // Without the server nobody knows who acts: that is told twice rather than by nobody.
      const isCutOff = this.#connection === undefined && now - this.#cutOffAt >= firstLookMs
      if (!this.isActive() && !isCutOff) return
      const silent = silentHosts(inbox.hosts(), now).filter(({ host, heardAt }) => {
        if (folder.host(host)?.revokedAt) return false
        const [told] = bus.events({ types: [fleetSilent.type], subject: host, newestFirst: true, limit: 1 })
        return told === undefined || Date.parse(told.time) < heardAt
      })
      const facts = silent.map(({ host, heardAt, silentAfterMs }) =>
        factPublication(registry, fleetSilent, { host, heardAt: isoOf(heardAt), silentAfterMs }, now),
      )
      if (facts.length > 0) publishWith(() => facts)
    } catch {
      // Others report a store that cannot be written; here it is repeated later.
    } finally {
      this.#watchAfter(lookEveryMs)
    }
  }

  #watchAfter(delayMs: number): void {
    this.#clearTimer()
    this.#clearTimer = this.#options.clock.schedule(delayMs, () => this.#watch())
  }

  /** All that was told is known now. */
  #caughtUp(): void {
    if (this.#hasCaughtUp) return
    this.#hasCaughtUp = true
    this.#watch()
  }
}

const reloadAfterMs = 100
const readyAfterMs = 50
const readyEveryMs = 1000

function send(connection: NatsConnection, host: string, receipt: ReceiptMessage): void {
  if (!connection.isClosed()) connection.publish(receiptSubject(host), JSON.stringify(receipt))
}
