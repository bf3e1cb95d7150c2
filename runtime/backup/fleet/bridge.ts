import type { Outbox } from '../../core/bus/sqlite/fleet/outbox.ts'
import {
  type AboutHost,
  askSubject,
  commandSubject,
  eventSubject,
  fleetVersion,
  largestMessage,
  readMessage,
  readySubject,
  receiptMessage,
  receiptSubject,
} from '../../fleet-protocol.ts'
import {
  type BrokerDoor,
  hear,
  type NatsConnection,
  orEnd,
  Pause,
  type StayOptions,
  stayConnected,
} from '../../host/fleet/connection.ts'
import { shortened } from './shortened.ts'

export interface BridgeOptions {
  outbox: Outbox
  /** Where the server is, and who this host is there. Asked anew before each attempt. */
  door(): Promise<BrokerDoor & { host: string }>
  about: AboutHost
  /** How its disks stand, asked for with each event; nothing is told of them unless given. */
  disks?(): AboutHost['disks'] | undefined
  note(message: string): void
  /** Takes what the hub asks for; it is not asked unless given. @param door By which it came. */
  onCommand?(bytes: Uint8Array, door: BrokerDoor & { host: string }): void
  /** How long a receipt is waited for before the hub is asked; 5 s unless given. */
  askAfterMs?: number
  /** How long it pauses between attempts to connect, and how many may fail in a row. */
  pauses?: Pick<StayOptions, 'firstPauseMs' | 'longestPauseMs' | 'attempts'>
}

/** So many events are on their way at most. */
const windowSize = 256
/** So many questions without an answer, and it looks for another server: 5 minutes. */
const mostUnanswered = 60

/**
 * Sends what a host has to tell to its hub, as long as this process lives. Nothing is removed from the outbox but by a receipt of the hub: what
 * the broker says of a message is not even asked for. What has no receipt after a while is asked for, and sent again if the hub has not got it.
 *
 * Messages carry no id for the broker to find doubles by: ids are common to all hosts of a stream, so that one could be taken on purpose. The
 * hub finds doubles by epoch and number.
 */
export class Bridge {
  readonly #options: BridgeOptions
  readonly #end = new AbortController()
  readonly #pause = new Pause()
  #door: (BrokerDoor & { host: string }) | undefined
  #done: Promise<void> | undefined
  /** The number of the last event that was sent in this connection. */
  #sent = 0
  /** When the hub was last heard of, or asked; by performance.now(). */
  #movedAt = 0
  #connection: NatsConnection | undefined
  #emptied: (() => void)[] = []

  constructor(options: BridgeOptions) {
    this.#options = options
  }

  start(): void {
    const { door, note, pauses } = this.#options
    this.#done = stayConnected({
      door: async () => {
        this.#door = await door()
        return this.#door
      },
      pause: this.#pause,
      note,
      signal: this.#end.signal,
      session: (connection, signal) => this.#session(connection, signal),
      ...pauses,
    })
  }

  /** Something new may be in the outbox. */
  wake(): void {
    this.#send()
  }

  /** Does not wait for the next attempt to connect, if there is no connection. */
  hurry(): void {
    this.#pause.cut()
  }

  /** Whether the hub has confirmed everything, or does within a time, while there are attempts left to reach it. */
  async emptied(withinMs: number): Promise<boolean> {
    if (this.#isEmpty) return true
    const emptied = Promise.withResolvers<void>()
    const timer = setTimeout(emptied.resolve, withinMs)
    this.#emptied.push(emptied.resolve)
    await Promise.race([emptied.promise, this.#done])
    clearTimeout(timer)
    return this.#isEmpty
  }

  async stop(): Promise<void> {
    this.#end.abort()
    await this.#done
  }

  get #isEmpty(): boolean {
    return this.#options.outbox.waiting().count === 0
  }

  async #session(connection: NatsConnection, signal: AbortSignal): Promise<void> {
    const { outbox, note, onCommand, askAfterMs = 5000 } = this.#options
    const door = this.#door
    if (!door) return
    const { host } = door
    let unanswered = 0
    hear(connection, receiptSubject(host), note, ({ data }) => {
      unanswered = 0
      if (!signal.aborted) this.#receive(data)
    })
    this.#sent = outbox.released
    this.#movedAt = performance.now()
    this.#connection = connection
    this.#send()
    if (onCommand) {
      hear(connection, commandSubject(host), note, ({ data }) => {
        if (!signal.aborted) onCommand(data, door)
      })
      connection.publish(readySubject(host))
    }
    const look = () => {
      if (connection.isClosed()) return
      // What another process has put into the outbox wakes nobody here.
      if (this.#sent <= outbox.released) return this.#send()
      if (performance.now() - this.#movedAt < askAfterMs) return
      this.#movedAt = performance.now()
      connection.publish(askSubject(host))
      unanswered += 1
      // One of several that has lost the others lets everybody in, and passes nothing on.
      if (door.servers.length > 1 && unanswered > mostUnanswered) void connection.close()
    }
    const timer = setInterval(() => orEnd(connection, note, look), askAfterMs / 5)
    try {
      await connection.closed()
    } finally {
      clearInterval(timer)
      this.#connection = undefined
    }
  }

  /** The broker sends a host whatever somebody has addressed to it: what is no receipt is passed over. */
  #receive(bytes: Uint8Array): void {
    const { outbox } = this.#options
    const receipt = readMessage(receiptMessage, bytes)
    if (!receipt) return
    this.#movedAt = performance.now()
    const came = receipt.left === outbox.epoch ? outbox.renew() : outbox.release(receipt)
    if (came === 'renewed') this.#sent = 0
    // What the hub has not got, though it has read everything, did not arrive.
    else if (receipt.answers) this.#sent = outbox.released
    this.#send()
    if (this.#isEmpty) for (const resolve of this.#emptied.splice(0)) resolve()
  }

  #send(): void {
    const connection = this.#connection
    if (!connection || !this.#door || connection.isClosed()) return
    const { host } = this.#door
    const { outbox } = this.#options
    const { epoch, released } = outbox
    const room = released + windowSize - this.#sent
    if (room <= 0) return
    const wasIdle = this.#sent <= released
    for (const { seq, previous, event } of outbox.after(this.#sent, room)) {
      const disks = this.#options.disks?.()
      const about = { ...this.#options.about, ...(disks && { disks }) }
      const message = { v: fleetVersion, epoch, seq, previous, released, about, event }
      connection.publish(eventSubject(host, event.type), fitting(message))
      this.#sent = seq
      if (wasIdle) this.#movedAt = performance.now()
    }
  }
}

/** A message that the broker takes: of a large event a part, and only its type where that is too large as well. */
function fitting<Message extends { event: { data: unknown } }>(message: Message): string {
  const withData = (data: unknown) => JSON.stringify({ ...message, event: { ...message.event, data } })
  const { data } = message.event
  const whole = withData(data)
  if (isSmall(whole)) return whole
  const part = withData(shortened(data))
  return isSmall(part) ? part : withData(null)
}

const isSmall = (text: string) => Buffer.byteLength(text) <= largestMessage
