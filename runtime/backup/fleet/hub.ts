import { fleetSilent } from '../../../events/index.ts'
import type { EventBus, Publication } from '../../core/bus/bus.ts'
import type { Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import type { Clock } from '../../core/clock.ts'
import { factPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import { reasonOf } from '../../errors.ts'
import {
  askSubject,
  commandSubject,
  fleetHostName,
  fleetVersion,
  hostOfSubject,
  joinedSubject,
  joinSubject,
  type ReceiptMessage,
  readySubject,
  receiptSubject,
} from '../../fleet-protocol.ts'
import {
  type BrokerDoor,
  hear,
  type NatsConnection,
  orEnd,
  type StayOptions,
  stayConnected,
} from '../../host/fleet/connection.ts'
import { readStream } from '../../host/fleet/event-stream.ts'
import type { HubFolder } from '../../host/fleet/hub-folder.ts'
import { isoOf } from '../../instant.ts'
import {
  type CommandWish,
  cancelPublications,
  commandsToSend,
  givenCommands,
  givePublications,
} from './commands/given.ts'
import { answerJoin, changeList } from './enrol.ts'
import { markOf, receiptFor, type StreamMessage, takeMessages } from './inbox-taking.ts'
import { silentHosts } from './overview.ts'

export interface HubOptions {
  inbox: Inbox
  bus: Pick<EventBus, 'events'>
  registry: Registry
  clock: Clock
  folder: HubFolder
  door: BrokerDoor
  /** Puts on the bus what is decided, in one transaction with the decision, and tells whom it concerns. */
  publishWith(decide: () => readonly Publication[]): void
  note(message: string): void
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
  /** Hosts that hear what they are asked for. */
  readonly #ready = new Set<string>()

  constructor(options: HubOptions) {
    this.#options = options
  }

  start(): void {
    const { door, folder, note, pauses } = this.#options
    try {
      // An earlier hdsync may have given its hosts other rights.
      if (changeList(folder, () => folder.writeUsers())) folder.reloadBroker()
    } catch (error) {
      note(`fleet: what hosts may do is not written anew: ${reasonOf(error)}`)
    }
    this.#done = stayConnected({
      door: () => door,
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
  }

  /** Gives commands to hosts, which get them when they are there. @returns Their ids, once they are on the disk. */
  give(wishes: readonly CommandWish[], forMs: number): string[] {
    return this.#command((options) => givePublications(wishes, { ...options, forMs }))
  }

  /** Ends commands that are not over. @returns The ids of those. */
  cancel(ids: readonly string[], forMs: number): string[] {
    return this.#command((options) => {
      const all = givenCommands(this.#options.bus, options.now)
      return cancelPublications(
        all.filter(({ id }) => ids.includes(id)),
        { ...options, forMs },
      )
    })
  }

  #command(
    make: (options: { key: string; registry: Registry; now: number }) => ReturnType<typeof givePublications>,
  ): string[] {
    const { folder, registry, clock, publishWith } = this.#options
    const { ids, publications } = make({ key: folder.commandKey, registry, now: clock.now() })
    publishWith(() => publications)
    this.#sendCommands()
    return ids
  }

  /** Sends what hosts have not answered. @param host Only what is for this one. */
  #sendCommands(host?: string): void {
    const connection = this.#connection
    if (!connection || connection.isClosed()) return
    const { bus, clock, note } = this.#options
    orEnd(connection, note, () => {
      for (const { host: to, text, signature } of commandsToSend(bus, clock.now(), host))
        connection.publish(commandSubject(to), JSON.stringify({ v: fleetVersion, text, signature }))
    })
  }

  /** A host that has just come is sent what waits for it; many that come at once cost no more than a few. */
  #hearReady(host: string): void {
    if (!fleetHostName.test(host)) return
    this.#ready.add(host)
    if (this.#ready.size > 1) return
    setTimeout(() => {
      const hosts = [...this.#ready]
      this.#ready.clear()
      if (this.#end.signal.aborted) return
      if (hosts.length > 1) this.#sendCommands()
      else this.#sendCommands(hosts[0])
    }, readyAfterMs).unref()
  }

  async #session(connection: NatsConnection, signal: AbortSignal): Promise<void> {
    const { inbox, folder, note } = this.#options
    const asked = new Set<string>()
    hear(connection, joinSubject('*'), note, ({ subject, data }) => {
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
      // The new rights cut the connection off over which the answer goes.
      void connection.flush().then(() => setTimeout(() => folder.reloadBroker(), reloadAfterMs))
    })
    const answer = () => {
      for (const host of asked) send(connection, host, receiptFor(inbox.host(host), true))
      asked.clear()
    }
    const stream = await readStream(connection, {
      position: inbox.position,
      markOf,
      take: (messages) => this.#take(messages, connection),
      onCaughtUp: () => {
        answer()
        this.#caughtUp()
      },
    })
    hear(connection, askSubject('*'), note, ({ subject }) => {
      if (signal.aborted) return
      const host = hostOfSubject(subject, 2)
      if (!fleetHostName.test(host)) return
      asked.add(host)
      // Before the stream is read to its end, what a host misses may still be in it.
      if (stream.isCaughtUp()) answer()
    })
    hear(connection, readySubject('*'), note, ({ subject }) => this.#hearReady(hostOfSubject(subject, 2)))
    if (stream.isCaughtUp()) this.#caughtUp()
    this.#connection = connection
    this.#sendCommands()
    await stream.ended
  }

  #take(messages: readonly StreamMessage[], connection: NatsConnection): void {
    const { inbox, registry, clock, publishWith, note } = this.#options
    let receipts = new Map<string, ReceiptMessage>()
    let strange: string[] = []
    publishWith(() => {
      const taken = takeMessages(messages, { inbox, registry, now: clock.now() })
      receipts = taken.receipts
      strange = taken.strange
      return taken.publications
    })
    for (const [host, receipt] of receipts) send(connection, host, receipt)
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
    }
    this.#watchAfter(lookEveryMs)
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

function send(connection: NatsConnection, host: string, receipt: ReceiptMessage): void {
  if (!connection.isClosed()) connection.publish(receiptSubject(host), JSON.stringify(receipt))
}
