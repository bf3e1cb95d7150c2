import * as z from 'zod'
import { dataOf, fleetCommandGiven, fleetPaused } from '../../../../events/index.ts'
import type { EventBus, Publication } from '../../../core/bus/bus.ts'
import type { Inbox } from '../../../core/bus/sqlite/fleet/inbox.ts'
import type { Clock } from '../../../core/clock.ts'
import { factPublication } from '../../../core/publication.ts'
import type { Registry } from '../../../core/registry/registry.ts'
import { reasonOf } from '../../../errors.ts'
import {
  fleetHostName,
  fleetVersion,
  hostOfSubject,
  readMessage,
  type SlotAnswer,
  slotAskSubject,
  slotRepeatMs,
  slotStatement,
  slotSubject,
} from '../../../fleet-protocol.ts'
import { hear, type NatsConnection } from '../../../host/fleet/connection.ts'
import { type LastSaid, lastSaidOfSlots } from '../../../host/fleet/slots-stream.ts'
import { isoOf } from '../../../instant.ts'
import { type Cap, SlotDesk, type SlotPlace } from './desk.ts'
import { type FleetPause, lastPaused, type PauseOf, pauseFor, withoutPause, withPause } from './pauses.ts'

export interface HubSlotsOptions {
  /** How many hosts at once, by backup server. */
  slots: Readonly<Record<string, number>>
  inbox: Inbox
  bus: Pick<EventBus, 'events'>
  registry: Registry
  clock: Clock
  publishWith(decide: () => readonly Publication[]): void
  note(message: string): void
  /** Whether this hub acts: one that stands by hears how hosts stand, and says nothing. */
  isActive(): boolean
  /** There is no host on the list yet, so that none can have a slot. */
  isFirst?: boolean
  /** How often hosts say how they stand. */
  repeatMs?: number
}

/** How the slots stand, as `GET /slots` tells it. */
export interface SlotsNow {
  servers: { server: string; atMost: number }[]
  places: SlotPlace[]
  /** Whether this hub has begun so lately that it grants nothing yet. */
  isNew: boolean
}

/** Commands of a host that are looked at for how many may be at it at once. */
const commandsLookedAt = 100

const about = z.object({ labels: z.array(z.string()), slot: z.string().exactOptional() })

/** The slots of backup servers that a hub grants to its hosts, and what of that and of its commands is paused. */
export class HubSlots {
  readonly #options: HubSlotsOptions
  readonly #desk: SlotDesk
  #connection: NatsConnection | undefined
  #pauses: readonly FleetPause[] = []
  /** How far what hosts have said was read in the stream that keeps it. */
  #read: { stream: string; upTo: number } | undefined
  /** Whether a look waits for a connection; undefined before the first one. */
  #isDue: boolean | undefined
  #clear = () => {}
  /** What hosts say of themselves, for as long as until the next look: it is asked for each that waits. */
  readonly #about = new Map<string, z.output<typeof about> | undefined>()
  /** What was given to hosts with a limit, by command, as long. */
  readonly #caps = new Map<string, ReadonlyMap<string, Cap>>()

  constructor(options: HubSlotsOptions) {
    const { slots, clock, isActive, isFirst = false } = options
    this.#options = options
    this.#desk = new SlotDesk({
      slots,
      isFirst,
      mayGrant: isActive,
      now: () => clock.now(),
      answer: (host, answer) => this.#answer(host, answer),
      isPaused: (host, server) =>
        pauseFor(this.#pauses, { labels: this.#aboutOf(host)?.labels ?? [], server }) !== undefined,
      capOf: (host, command) => this.#capOf(host, command),
    })
    this.readAnew()
  }

  /** Something may have been paused, or given with a limit, by this hub or another one. */
  readAnew(): void {
    this.#caps.clear()
    const last = lastPaused(this.#options.bus)
    this.#pauses = (last && dataOf(fleetPaused, last)?.pauses) ?? []
  }

  get pauses(): readonly FleetPause[] {
    return this.#pauses
  }

  get now(): SlotsNow {
    const { slots } = this.#options
    const servers = Object.entries(slots).map(([server, atMost]) => ({ server, atMost }))
    return { servers, places: this.#desk.places, isNew: this.#desk.isNew }
  }

  /** Grants nothing before all who have a slot have said so: another hub may have granted some. */
  renew(): void {
    this.#desk.renew()
  }

  /**
   * Hears hosts over this connection from now on, and what they have said since the last one. So a look after it counts as if it had never broken.
   * @returns Ends it.
   */
  async open(connection: NatsConnection, replicas: number): Promise<() => void> {
    const { note, slots } = this.#options
    this.#connection = connection
    const heard = new Set<string>()
    hear(connection, slotAskSubject('*'), note, ({ subject, data }) => {
      heard.add(subject)
      this.#hear(subject, data)
    })
    const said = Object.keys(slots).length === 0 ? undefined : await this.#lastSaid(connection, replicas)
    const read = this.#read
    if (!said || read?.stream !== said.stream) this.#desk.missedSome()
    const after = read?.stream === said?.stream ? (read?.upTo ?? 0) : 0
    // What came meanwhile is later.
    for (const { seq, subject, data } of said?.messages ?? [])
      if (seq > after && !heard.has(subject)) this.#hear(subject, data)
    this.#read = said && { stream: said.stream, upTo: said.messages.at(-1)?.seq ?? after }
    if (this.#isDue === undefined) this.#wait()
    else if (this.#isDue) this.#look()
    return () => {
      this.#connection = undefined
    }
  }

  /** @returns undefined where it cannot be had, as some of three servers are away: then hosts have to be heard again before anything is granted. */
  async #lastSaid(connection: NatsConnection, replicas: number): Promise<LastSaid | undefined> {
    try {
      return await lastSaidOfSlots(connection, replicas)
    } catch (error) {
      if (!connection.isClosed())
        this.#options.note(`fleet: the NATS server does not keep what hosts say of slots: ${reasonOf(error)}`)
      return undefined
    }
  }

  stop(): void {
    this.#clear()
  }

  #hear(subject: string, data: Uint8Array): void {
    const host = hostOfSubject(subject, 2)
    const statement = readMessage(slotStatement, data)
    if (statement && fleetHostName.test(host)) this.#desk.hear(host, statement)
  }

  #wait(): void {
    const { clock, repeatMs = slotRepeatMs } = this.#options
    this.#isDue = false
    this.#clear = clock.schedule(repeatMs, () => this.#look())
  }

  /** Where there is no connection it is done once all is known that was said meanwhile. */
  #look(): void {
    this.#isDue = true
    if (!this.#connection || this.#connection.isClosed()) return
    this.#about.clear()
    this.#caps.clear()
    this.#desk.look()
    this.#wait()
  }

  /** Nothing more is granted, nor sent but what ends something, to those whom it concerns. It is on the disk then. */
  pause(what: PauseOf): void {
    this.#keep(withPause(this.#pauses, what, isoOf(this.#options.clock.now())))
  }

  /** @returns Whether it was paused. */
  resume(what: PauseOf): boolean {
    const left = withoutPause(this.#pauses, what)
    const wasPaused = left.length < this.#pauses.length
    this.#keep(left)
    this.#desk.grant()
    return wasPaused
  }

  /** Whether commands wait here instead of being sent to a host. */
  holdsCommands(host: string): boolean {
    const { labels = [], slot: server } = this.#aboutOf(host) ?? {}
    return pauseFor(this.#pauses, { labels, server }) !== undefined
  }

  #keep(pauses: FleetPause[]): void {
    const { registry, clock, publishWith, bus } = this.#options
    // The clock may have been set back, or that of another hub be ahead.
    const before = Date.parse(lastPaused(bus)?.time ?? '') || 0
    const now = Math.max(clock.now(), before + 1)
    publishWith(() => [factPublication(registry, fleetPaused, { pauses }, now)])
    this.#pauses = pauses
  }

  #answer(host: string, answer: Omit<SlotAnswer, 'v'>): void {
    const connection = this.#connection
    if (!connection || connection.isClosed() || !this.#options.isActive()) return
    connection.publish(slotSubject(host), JSON.stringify({ v: fleetVersion, ...answer }))
  }

  #aboutOf(host: string): z.output<typeof about> | undefined {
    if (this.#pauses.length === 0) return undefined
    if (!this.#about.has(host))
      this.#about.set(host, about.safeParse(this.#options.inbox.host(host)?.about).data)
    return this.#about.get(host)
  }

  /** Looked up once for a host until something new is given, or the next look: it may ask without end. */
  #capOf(host: string, command: string): Cap | undefined {
    const known = this.#caps.get(host)
    if (known) return known.get(command)
    const filter = { types: [fleetCommandGiven.type], subject: host, newestFirst: true }
    const caps = new Map(
      this.#options.bus.events({ ...filter, limit: commandsLookedAt }).flatMap((event) => {
        const given = dataOf(fleetCommandGiven, event)
        return given?.atMost ? [[given.command, given.atMost] as const] : []
      }),
    )
    this.#caps.set(host, caps)
    return caps.get(command)
  }
}
