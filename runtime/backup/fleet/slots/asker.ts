import { setTimeout as sleep } from 'node:timers/promises'
import {
  fleetVersion,
  readMessage,
  type SlotAnswer,
  type SlotStatement,
  slotAnswer,
  slotAskSubject,
  slotRepeatMs,
  slotSubject,
} from '../../../fleet-protocol.ts'
import {
  type BrokerDoor,
  hear,
  type NatsConnection,
  orEnd,
  type StayOptions,
  stayConnected,
} from '../../../host/fleet/connection.ts'

export interface AskerOptions {
  server: string
  /** Where the NATS server is, and who this host is there. Asked anew before each attempt. */
  door(): Promise<BrokerDoor & { host: string }>
  note(message: string): void
  onAnswer(answer: SlotAnswer): void
  /** How often it repeats what it says. */
  repeatMs?: number
  pauses?: Pick<StayOptions, 'firstPauseMs' | 'longestPauseMs'>
}

/** What a host says of itself, but for the server. */
export type Said = Omit<SlotStatement, 'v' | 'server'>

/** A hub that hears nothing of a host gives its slot away: it tries more often than other parts do. */
const longestPauseMs = 10_000
/** Whoever gives a slot back waits so long for the server to take that. */
const farewellMs = 2000

interface Link {
  readonly end: AbortController
  done: Promise<void>
  connection: NatsConnection | undefined
  host: string
}

/** Tells the hub how this host stands with a slot, again and again, over a connection that is there only for as long as it wants or has one. */
export class SlotAsker {
  readonly #options: AskerOptions
  #said: Said | undefined
  #link: Link | undefined
  #leaving: Promise<void> = Promise.resolve()

  constructor(options: AskerOptions) {
    this.#options = options
  }

  /** From now on it says this. */
  say(said: Said): void {
    this.#said = said
    this.#link ??= this.#connect()
    this.#send(this.#link, said)
  }

  /** It wants none and has none any more. What the hub is not told of it finds out by the silence. */
  done(): void {
    const said = this.#said
    const link = this.#link
    this.#said = undefined
    this.#link = undefined
    if (!said || !link) return
    this.#send(link, { ask: said.ask, state: 'done' })
    this.#leaving = Promise.all([this.#leaving, leave(link)]).then(() => {})
  }

  async stop(): Promise<void> {
    this.done()
    await this.#leaving
  }

  #connect(): Link {
    const { door, note, pauses, onAnswer, repeatMs = slotRepeatMs } = this.#options
    const end = new AbortController()
    const link: Link = { end, done: Promise.resolve(), connection: undefined, host: '' }
    link.done = stayConnected({
      door: async () => {
        const found = await door()
        link.host = found.host
        return found
      },
      note,
      signal: end.signal,
      longestPauseMs,
      ...pauses,
      session: async (connection) => {
        hear(connection, slotSubject(link.host), note, ({ data }) => {
          const answer = readMessage(slotAnswer, data)
          if (answer && this.#link === link) onAnswer(answer)
        })
        link.connection = connection
        const repeat = () => {
          if (this.#link === link && this.#said) this.#send(link, this.#said)
        }
        repeat()
        const timer = setInterval(repeat, repeatMs)
        await connection.closed().finally(() => clearInterval(timer))
      },
    })
    return link
  }

  #send({ connection, host }: Link, said: Said): void {
    const { server, note } = this.#options
    if (!connection || connection.isClosed()) return
    const statement: SlotStatement = { v: fleetVersion, server, ...said }
    orEnd(connection, note, () => connection.publish(slotAskSubject(host), JSON.stringify(statement)))
  }
}

async function leave({ connection, end, done }: Link): Promise<void> {
  if (connection && !connection.isClosed()) {
    const late = sleep(farewellMs, undefined, { ref: false })
    await Promise.race([connection.flush().catch(() => {}), late])
  }
  end.abort()
  await done
}
