import { fleetSilent } from '../../../events/index.ts'
import type { EventBus, Publication } from '../../core/bus/bus.ts'
import type { Inbox } from '../../core/bus/sqlite/fleet/inbox.ts'
import type { Clock } from '../../core/clock.ts'
import { factPublication } from '../../core/publication.ts'
import type { Registry } from '../../core/registry/registry.ts'
import {
  askSubject,
  fleetHostName,
  hostOfSubject,
  joinedSubject,
  joinSubject,
  type ReceiptMessage,
  receiptSubject,
} from '../../fleet-protocol.ts'
import {
  type BrokerDoor,
  hear,
  type NatsConnection,
  type StayOptions,
  stayConnected,
} from '../../host/fleet/connection.ts'
import { readStream } from '../../host/fleet/event-stream.ts'
import type { HubFolder } from '../../host/fleet/hub-folder.ts'
import { isoOf } from '../../instant.ts'
import { answerJoin } from './enrol.ts'
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

  constructor(options: HubOptions) {
    this.#options = options
  }

  start(): void {
    const { door, note, pauses } = this.#options
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
    if (stream.isCaughtUp()) this.#caughtUp()
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

function send(connection: NatsConnection, host: string, receipt: ReceiptMessage): void {
  if (!connection.isClosed()) connection.publish(receiptSubject(host), JSON.stringify(receipt))
}
