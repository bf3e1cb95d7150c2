import { onTestFinished } from 'vitest'
import { backupStart, catalogue, dataOf, slotTaken } from '../../events/index.ts'
import { type Said, SlotAsker } from '../../runtime/backup/fleet/slots/asker.ts'
import { SlotKeeper } from '../../runtime/backup/fleet/slots/keeper.ts'
import type { Publication } from '../../runtime/core/bus/bus.ts'
import { type Clock, systemClock } from '../../runtime/core/clock.ts'
import { createRegistry } from '../../runtime/core/registry/registry.ts'
import {
  fleetVersion,
  readMessage,
  type SlotStatement,
  slotAnswer,
  slotAskSubject,
  slotSubject,
} from '../../runtime/fleet-protocol.ts'
import {
  type BrokerDoor,
  connectToBroker,
  hear,
  type NatsConnection,
} from '../../runtime/host/fleet/connection.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { newNkey } from '../../runtime/host/fleet/nkey.ts'
import { event } from '../contract/publication.ts'

const registry = createRegistry([], catalogue)

/** A host that says what it is told to, and nothing else. */
export class Speaker {
  /** What the hub has answered. */
  readonly answers: string[] = []
  readonly #door: BrokerDoor
  #connection: NatsConnection | undefined

  constructor(name: string, list: HubFolder, server: string) {
    const { publicKey: key, seed } = newNkey()
    list.keep({ host: name, key, code: null, enrolledAt: new Date().toISOString(), revokedAt: null })
    this.#door = { servers: [server], ca: list.trusted, seed, name }
    onTestFinished(() => this.#connection?.close())
  }

  /** @returns Once the server has it. */
  async say(said: Said): Promise<void> {
    const { name } = this.#door
    if (!this.#connection || this.#connection.isClosed()) {
      this.#connection = await connectToBroker(this.#door)
      hear(
        this.#connection,
        slotSubject(name),
        () => {},
        ({ data }) => {
          const answer = readMessage(slotAnswer, data)
          if (answer) this.answers.push(answer.state)
        },
      )
    }
    const statement: SlotStatement = { v: fleetVersion, server: 'vault1', ...said }
    this.#connection.publish(slotAskSubject(name), JSON.stringify(statement))
    await this.#connection.flush()
  }
}

export interface SlotHostOptions {
  server: string
  hubFolder: string
  repeatMs: number
  patienceMs?: number
  /** The backup server. */
  vault?: string
}

/** A host with one run, which waits for its slot by the product's own parts: its bus and its queue are a list. */
export class SlotHost {
  readonly name: string
  readonly notes: string[] = []
  /** How often the run has begun. */
  started = 0
  /** Told each time. */
  onStarted = () => {}
  readonly #facts: Publication['event'][] = []
  readonly #ended = Promise.withResolvers<void>()
  readonly #keeper: SlotKeeper
  #isOver = false
  #clear = () => {}

  constructor(
    name: string,
    { server, hubFolder, repeatMs, patienceMs = 3_600_000, vault = 'vault1' }: SlotHostOptions,
  ) {
    this.name = name
    const list = new HubFolder(hubFolder)
    const { publicKey: key, seed } = newNkey()
    list.keep({ host: name, key, code: null, enrolledAt: new Date().toISOString(), revokedAt: null })
    const door = { servers: [server], ca: list.trusted, seed, name, host: name }
    const root = event('root', { type: backupStart.type, runid: name, source: '/test', data: {} })
    const clock: Clock = systemClock
    const note = (message: string) => void this.notes.push(message)
    this.#keeper = new SlotKeeper({
      ...{ registry, clock, note, slot: { server: vault, patienceMs } },
      bus: {
        events: ({ types }) =>
          types ? this.#facts.filter(({ type }) => types.includes(type)) : [root, ...this.#facts],
        holdBack: async () => {},
      },
      journal: { run: () => ({ id: name, kind: 'backup', startedAt: 0 }) as never },
      publish: async (publications) => void this.#facts.push(...publications.map((one) => one.event)),
      advance: () => this.#turn(),
      ended: () => this.#ended.promise,
      makesWay: () => false,
      asker: (onAnswer) =>
        new SlotAsker({
          ...{ server: vault, note, onAnswer, repeatMs },
          door: async () => door,
          pauses: { firstPauseMs: 50, longestPauseMs: 300 },
        }),
    })
    onTestFinished(() => this.#keeper.stop())
  }

  /** Asks for its run. */
  begin(): void {
    this.#turn()
  }

  get isAtWork(): boolean {
    return this.started > 0 && !this.#isOver
  }

  /** How the run has begun. */
  get taken() {
    return this.#facts.flatMap((fact) => dataOf(slotTaken, fact) ?? [])[0]
  }

  /** Its run ends, or is cancelled. */
  finish(): void {
    this.#isOver = true
    this.#clear()
    this.#ended.resolve()
  }

  #turn(): void {
    if (this.#isOver) return
    const until = this.#keeper.putOff(this.name)
    this.#clear()
    if (until !== undefined) {
      this.#clear = systemClock.schedule(until - Date.now(), () => this.#turn())
      return
    }
    this.started += 1
    this.onStarted()
  }
}
