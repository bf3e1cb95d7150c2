import { fleetCertificateEnding, fleetSilent } from '../../../events/index.ts'
import type { EventBus } from '../../core/bus/bus.ts'
import type { Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import { factPublication } from '../../core/publication.ts'
import { reasonOf } from '../../errors.ts'
import {
  askSubject,
  fleetHostName,
  hostOfSubject,
  joinedSubject,
  joinSubject,
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
import { isoOf } from '../../instant.ts'
import { certificateText } from './certificate.ts'
import { HubCommands, type HubCommandsOptions } from './commands/hub-commands.ts'
import { answerJoin, changeList } from './enrol.ts'
import { Hubs, type HubsOptions } from './hubs/hubs.ts'
import { markOf, receiptFor, type StreamMessage, takeMessages } from './inbox-taking.ts'
import { silentHosts } from './overview.ts'
import { HubSlots } from './slots/hub-slots.ts'

export interface HubOptions
  extends Pick<HubsOptions, 'id' | 'name' | 'times'>,
    Omit<HubCommandsOptions, 'bus' | 'inbox' | 'hubs' | 'slots'> {
  inbox: Inbox
  bus: Pick<EventBus, 'events' | 'find' | 'open'>
  door: BrokerDoor
  /** How many hosts at once, by backup server; none unless given. */
  slots?: Readonly<Record<string, number>>
  /** How often hosts say how they stand with a slot. */
  slotRepeatMs?: number
  pauses?: Pick<StayOptions, 'firstPauseMs' | 'longestPauseMs'>
}

/** Silent hosts are looked for so often. */
const lookEveryMs = 60_000
/** Of a certificate that ends it is told again after so long. */
const certificateAgainMs = 7 * 86_400_000
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
  readonly #hubs: Hubs
  readonly #slots: HubSlots
  /** What people ask of hosts by this hub. */
  readonly commands: HubCommands
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
    this.commands = new HubCommands({ ...options, hubs: this.#hubs, slots: this.#slots })
  }

  /** Whether this hub acts for the fleet at this moment; another one may, or none. */
  isActive(): boolean {
    return this.#hubs.isActive
  }

  start(): void {
    const { door, folder, note, pauses } = this.#options
    try {
      // An earlier hdsync may have given its hosts other rights.
      if (changeList(folder, () => folder.writeUsers())) folder.reloadBroker()
    } catch (error) {
      note(`fleet: what hosts may do is not written anew: ${reasonOf(error)}`)
    }
    this.commands.withdrawRevoked()
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

  async stop(): Promise<void> {
    this.#end.abort()
    this.#clearTimer()
    await this.#done
    this.#slots.stop()
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
    // Before hosts that come are heard, who are sent at once what waits for them.
    const endSlots = await this.#slots.open(connection, replicas)
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
    hear(connection, readySubject('*'), note, ({ subject }) =>
      this.commands.hearReady(hostOfSubject(subject, 2)),
    )
    if (stream.isCaughtUp()) this.#caughtUp()
    const detach = [endSlots, this.commands.attach(connection)]
    this.#connection = connection
    try {
      this.#wasActive = false
      this.#goOn(false)
      await Promise.race([stream.ended, hubs.ended])
    } finally {
      for (const end of detach) end()
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
      if (isNews) this.#slots.readAnew()
      if (isActive && this.#hasOtherActed) this.#slots.renew()
      this.#hasOtherActed = !isActive && (this.#hasOtherActed || this.#hubs.otherActive !== undefined)
      if (isActive && (isNews || !this.#wasActive)) this.commands.send()
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
      this.#watchCertificate(now)
      if (this.#connection) this.#hubs.look()
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

  /** Each hub tells of the server beside it, acting or not. */
  #watchCertificate(now: number): void {
    const { bus, registry, folder, publishWith } = this.#options
    const { certificateEndsAt: endsAt } = folder
    if (endsAt === undefined || certificateText(endsAt, now) === undefined) return
    const since = isoOf(now - certificateAgainMs)
    const [told] = bus.events({ types: [fleetCertificateEnding.type], since, limit: 1 })
    if (told) return
    publishWith(() => [factPublication(registry, fleetCertificateEnding, { endsAt: isoOf(endsAt) }, now)])
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

function send(connection: NatsConnection, host: string, receipt: ReceiptMessage): void {
  if (!connection.isClosed()) connection.publish(receiptSubject(host), JSON.stringify(receipt))
}
