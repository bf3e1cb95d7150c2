import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { catalogue, type Envelope } from '../../events/index.ts'
import { Bridge } from '../../runtime/backup/fleet/bridge.ts'
import { Hub } from '../../runtime/backup/fleet/hub.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase, storeFile } from '../../runtime/core/bus/sqlite/database.ts'
import { Inbox } from '../../runtime/core/bus/sqlite/fleet/inbox.ts'
import { Outbox, tellHubOf } from '../../runtime/core/bus/sqlite/fleet/outbox.ts'
import { type Clock, systemClock } from '../../runtime/core/clock.ts'
import { createRegistry } from '../../runtime/core/registry/registry.ts'
import type { BrokerDoor } from '../../runtime/host/fleet/connection.ts'
import { HubFolder } from '../../runtime/host/fleet/hub-folder.ts'
import { newNkey } from '../../runtime/host/fleet/nkey.ts'
import { event } from '../contract/publication.ts'

// Hosts and a hub of the product's own parts, many in one process: what an hdsync does beside its fleet is left out.

const registry = createRegistry([], catalogue)
/** Short, so that no test waits for what a pause is for. */
const pauses = { firstPauseMs: 50, longestPauseMs: 300 }
const askAfterMs = 500

/** Shorter than usual, and still longer than a machine that has other things to do lets one wait. */
const times = { renewMs: 500, lastsMs: 5000, takenAfterMs: 8000 }

/** A hub on a store of its own, as it runs in its daemon. */
export class HubPart {
  readonly notes: string[] = []
  readonly #state: string
  readonly #folder: string
  readonly #servers: string[]
  /** How many hosts at once, by backup server, and how often they say how they stand. */
  slots: { slots?: Record<string, number>; slotRepeatMs?: number } = {}
  /** By which it looks for what it has not heard. */
  clock: Clock = systemClock
  #running: { hub: Hub; bus: SqliteBus; inbox: Inbox } | undefined

  constructor(folder: string, ...servers: string[]) {
    this.#state = join(folder, 'state')
    this.#folder = join(folder, 'fleet')
    this.#servers = servers
    onTestFinished(() => this.kill())
  }

  start(): void {
    const database = openDatabase(this.#state)
    const bus = new SqliteBus(database, this.#state)
    const inbox = new Inbox(database)
    const folder = new HubFolder(this.#folder)
    const hub = new Hub({
      ...{ inbox, bus, registry, clock: this.clock, folder, pauses, keepMs: 90 * 86_400_000 },
      ...{ id: inbox.store, name: this.#folder, times, ...this.slots },
      door: folder.door({ role: 'hub', servers: this.#servers, folder: this.#folder }),
      publishWith: (decide) => void bus.publishWith(decide),
      note: (message) => this.notes.push(message),
    })
    hub.start()
    this.#running = { hub, bus, inbox }
  }

  /** Without a word: what is not on the disk is lost, as when a process is killed. */
  async kill(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    running?.bus.close()
    await running?.hub.stop()
  }

  /** What other hubs call it. */
  get name(): string {
    return this.#folder
  }

  get inbox(): Inbox {
    return this.#parts.inbox
  }

  get hub(): Hub {
    return this.#parts.hub
  }

  get #parts() {
    if (!this.#running) throw new Error('the hub does not run')
    return this.#running
  }

  get isActive(): boolean {
    return this.#running?.hub.isActive() ?? false
  }

  give(...wish: Parameters<Hub['commands']['give']>): string[] {
    return this.#running?.hub.commands.give(...wish) ?? []
  }

  /** The hubs of which it has told that they are gone, in order. */
  gone(): (string | undefined)[] {
    return this.#running?.bus.events({ types: ['fleet.hub.gone'] }).map(({ subject }) => subject) ?? []
  }

  /** The ids of the commands that it has on record. */
  given(): string[] {
    const events = this.#running?.bus.events({ types: ['fleet.command.given'] }) ?? []
    return events.map(({ data }) => (data as { command: string }).command)
  }

  get list(): HubFolder {
    return new HubFolder(this.#folder)
  }

  /** What has arrived, in the order of the store: the ids of the events of each host. */
  arrived(): Map<string, string[]> {
    const events = this.#running?.bus.events({}) ?? []
    const heard = events.filter(({ type }) => type.startsWith('fleet.run.'))
    return new Map(
      [...Map.groupBy(heard, ({ subject = '' }) => subject)].map(([host, own]) => [
        host,
        own.map(({ id }) => id),
      ]),
    )
  }

  /** A copy of the store, taken while it does not run, and put back. */
  copyStore(): void {
    copy(this.#state, `${this.#state} copy`)
  }
  putStoreBack(): void {
    copy(`${this.#state} copy`, this.#state)
  }
}

/** A host: a store, its outbox, and the bridge to its hub. */
export class HostPart {
  readonly name: string
  readonly notes: string[] = []
  /** The ids of the events that it has told, in order. */
  readonly told: string[] = []
  /** What its hub has asked for. */
  readonly commands: string[] = []
  readonly door: BrokerDoor
  readonly #state: string
  #running: { bridge: Bridge; bus: SqliteBus; outbox: Outbox } | undefined

  /** Enrolled by the hub's own list; its key is not handed in over the server. */
  constructor(name: string, folder: string, hubFolder: string, ...servers: string[]) {
    this.name = name
    this.#state = join(folder, `host ${name}`)
    mkdirSync(this.#state)
    copyFileSync(emptyStore(folder), join(this.#state, storeFile))
    const list = new HubFolder(hubFolder)
    const { publicKey: key, seed } = newNkey()
    list.keep({ host: name, key, code: null, enrolledAt: new Date().toISOString(), revokedAt: null })
    this.door = { servers, ca: list.trusted, seed, name }
    onTestFinished(() => this.kill())
  }

  start(): void {
    const database = openDatabase(this.#state)
    const bus = new SqliteBus(database, this.#state)
    const outbox = new Outbox(database, ['run.succeeded'])
    const about = { version: '1.0.0', labels: [], silentAfterMs: 3_600_000 }
    const bridge = new Bridge({
      ...{ outbox, about, askAfterMs, pauses },
      door: async () => ({ ...this.door, host: this.name }),
      onCommand: (bytes) => void this.commands.push(Buffer.from(bytes).toString()),
      note: (message) => this.notes.push(message),
    })
    bridge.start()
    this.#running = { bridge, bus, outbox }
  }

  async kill(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.bridge.stop()
    running?.bus.close()
  }

  get outbox(): Outbox {
    if (!this.#running) throw new Error(`${this.name} does not run`)
    return this.#running.outbox
  }

  async tell(count: number): Promise<void> {
    if (!this.#running) throw new Error(`${this.name} does not run`)
    const { bus, bridge } = this.#running
    const ids = Array.from({ length: count }, (_, n) => `${this.name} ${this.told.length + n + 1}`)
    await bus.publish(ids.map((id) => ({ event: ended(id), deliveries: [] })))
    this.told.push(...ids)
    bridge.wake()
  }

  /** As another process beside it does, which cannot wake it. */
  async tellBeside(): Promise<void> {
    const bus = new SqliteBus(openDatabase(this.#state), this.#state)
    const id = `${this.name} ${this.told.length + 1}`
    await bus.publish([{ event: ended(id), deliveries: [] }])
    this.told.push(id)
    bus.close()
  }

  copyStore(): void {
    copy(this.#state, `${this.#state} copy`)
  }
  putStoreBack(): void {
    copy(`${this.#state} copy`, this.#state)
  }
}

/** A store in which nothing has happened yet: to copy it takes a tenth of the time that it takes to make one. */
function emptyStore(folder: string): string {
  const state = join(folder, 'empty store')
  const file = join(state, storeFile)
  if (existsSync(file)) return file
  const database = openDatabase(state)
  tellHubOf(database, ['run.succeeded'])
  database.close()
  return file
}

function ended(id: string): Envelope {
  const at = '2026-11-29T02:00:00.000Z'
  return event(id, {
    ...{ type: 'run.succeeded', runid: id, source: '/hdsync/host', time: at },
    data: { run: id, state: 'succeeded', startedAt: at, endedAt: at, sources: [] },
  })
}

function copy(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true })
}
