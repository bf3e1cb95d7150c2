import { dataOf, fleetHubGone } from '../../../../events/index.ts'
import type { EventBus, Publication } from '../../../core/bus/bus.ts'
import type { Inbox, OtherHub } from '../../../core/bus/sqlite/fleet/inbox.ts'
import type { Clock } from '../../../core/clock.ts'
import { factPublication } from '../../../core/publication.ts'
import type { Registry } from '../../../core/registry/registry.ts'
import { reasonOf } from '../../../errors.ts'
import { leaseSubject } from '../../../fleet-protocol.ts'
import type { NatsConnection } from '../../../host/fleet/connection.ts'
import type { HubFolder } from '../../../host/fleet/hub-folder.ts'
import { openShared, type SharedMessage, type SharedStream } from '../../../host/fleet/hubs-stream.ts'
import { isoOf } from '../../../instant.ts'
import { Lease, type LeaseTimes, type LeaseValue, leaseValue, type Moment, usualLease } from './lease.ts'
import { OtherHubs } from './others.ts'
import { readShared, SharedList, sharedText } from './shared-list.ts'

export interface HubsOptions {
  /** What this hub is called by no other one. */
  id: string
  /** Its machine. */
  name: string
  folder: HubFolder
  inbox: Inbox
  bus: Pick<EventBus, 'events' | 'find' | 'open'>
  registry: Registry
  clock: Clock
  publishWith(decide: () => readonly Publication[]): void
  note(message: string): void
  /** Called when this hub begins to act, or the one that acts has come further. @param isNews Whether another hub has told of something that it has on record. */
  onChange(isNews: boolean): void
  times?: LeaseTimes
}

/** What hooks and functions have not done after so long keeps no other hub from going on behind it. */
const settledWithinMs = 60_000

/**
 * The hubs of a fleet: one acts, the others stand by. Each reads what hosts tell into its own store; only the one that acts confirms it, tells
 * hooks and functions, and asks anything of hosts.
 */
export class Hubs {
  readonly #options: HubsOptions
  readonly #times: LeaseTimes
  readonly #lease: Lease
  readonly #list: SharedList
  readonly #others: OtherHubs
  /** What hubs say of themselves is due. */
  #isToSay = true
  #upTo: { seq: number; at: number } = { seq: 0, at: Number.NEGATIVE_INFINITY }
  #tookOverAt = 0
  #told: boolean | undefined
  #isReading = false
  #wake = () => {}

  constructor(options: HubsOptions) {
    this.#options = options
    this.#times = options.times ?? usualLease
    this.#lease = new Lease(options.id, now, this.#times)
    this.#list = new SharedList(options)
    this.#others = new OtherHubs(options.name, options.inbox.role?.others)
  }

  /** Whether this hub acts at this moment: nothing may be done for hosts otherwise. */
  get isActive(): boolean {
    return this.#lease.isHeld
  }

  /** The machine of another hub that acted last, as far as this one knows; undefined where that is this one, or none is known. */
  get otherActive(): string | undefined {
    const { holder } = this.#lease
    return holder && holder.id !== this.#options.id ? holder.name : undefined
  }

  /**
   * The number of the last message with which another hub is done: the one that acts, or the one that did before this one. What comes after it,
   * hooks and functions have not heard of. It says nothing of a stream that was made anew, as that of the hubs was then too.
   */
  get doneUpTo(): number {
    if (this.isActive) return this.#tookOverAt
    return this.#lease.isThere ? (this.#lease.holder?.upTo ?? 0) : 0
  }

  /** There is something that other hubs do not know. */
  wake(): void {
    this.#wake()
  }

  /**
   * Learns how the hubs stand, and goes on with that until the connection ends.
   * @returns Once that is known; `ended` says when it is over. @throws {Error} The server does not answer.
   */
  async open(
    connection: NatsConnection,
    { signal, replicas }: { signal: AbortSignal; replicas: number },
  ): Promise<{ ended: Promise<void> }> {
    this.#lease.readAnew()
    this.#list.readAnew()
    this.#isToSay = true
    this.#isReading = true
    const stream = await openShared(connection, { replicas, take: (message) => this.#take(message) })
    this.#isReading = false
    if (!this.#lease.isThere) this.#tookOverAt = 0
    await this.#turn(stream)
    const ended = Promise.race([stream.ended, this.#stay(stream, signal)])
    // It may be over before the caller waits for it.
    ended.catch(() => {})
    return { ended }
  }

  #take(message: SharedMessage): void {
    const { folder, onChange } = this.#options
    const key = folder.commandKey
    let isNews = false
    this.#others.take(message, key)
    if (message.subject === leaseSubject) {
      this.#lease.see(message.seq, readShared(leaseValue, message, key) ?? unreadable)
    } else isNews = this.#list.take(message, key)
    if (this.#isReading) return
    this.#tell()
    onChange(isNews)
  }

  /** Goes on until the connection ends. */
  async #stay(stream: SharedStream, signal: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    let well = performance.now()
    while (!signal.aborted) {
      const woken = Promise.withResolvers<void>()
      this.#wake = woken.resolve
      const timer = setTimeout(woken.resolve, this.#times.renewMs)
      await Promise.race([woken.promise, over])
      clearTimeout(timer)
      if (signal.aborted) return
      try {
        await this.#turn(stream)
        well = performance.now()
      } catch (error) {
        // One of several servers may be about to take the place of another; this one may have lost the others.
        if (performance.now() - well > this.#times.takenAfterMs) throw error
      }
    }
  }

  /** Takes or renews the lease where that is this hub's turn, and brings the list to where the others have it. */
  async #turn(stream: SharedStream): Promise<void> {
    if (this.#lease.mayWrite) await this.#write(stream)
    this.#tell()
    this.#options.onChange(false)
    if (this.#isToSay) await this.#say(stream)
    await this.#share(stream)
  }

  /** Says that this hub is there. */
  async #say(stream: SharedStream): Promise<void> {
    const { subject, value, lasts } = this.#others.own
    await stream.put(subject, sharedText(subject, value, this.#options.folder.commandKey), { lasts })
    this.#isToSay = false
  }

  /** Looks whether the others are there, and says that this one is; the hub that acts tells of who is gone. To be called once in a minute while there is a connection. */
  look(): void {
    const { clock, bus, registry, publishWith, note } = this.#options
    const now = clock.now()
    if (!this.#others.look(now)) return
    this.#isToSay = true
    this.wake()
    this.#tell()
    if (!this.isActive) return
    const gone = this.#others.all.filter(({ hub, heardAt, isGone }) => {
      if (!isGone) return false
      const [told] = bus.events({ types: [fleetHubGone.type], subject: hub, newestFirst: true, limit: 1 })
      return told === undefined || (dataOf(fleetHubGone, told)?.heardAt ?? '') < heardAt
    })
    if (gone.length === 0) return
    publishWith(() =>
      gone.map(({ hub, heardAt }) => factPublication(registry, fleetHubGone, { hub, heardAt }, now)),
    )
    for (const { hub, heardAt } of gone) note(`fleet: nothing is heard of the hub ${hub} since ${heardAt}`)
  }

  async #write(stream: SharedStream): Promise<void> {
    const { id, name, folder } = this.#options
    const value: LeaseValue = { id, name, upTo: this.#settled() }
    const from = now()
    const done = this.otherActive === undefined ? this.#tookOverAt : this.doneUpTo
    const text = sharedText(leaseSubject, value, folder.commandKey)
    const seq = await stream.put(leaseSubject, text, { after: this.#lease.seq })
    if (seq !== undefined) {
      this.#tookOverAt = done
      return this.#lease.wrote(seq, value, from)
    }
    // Another hub was first, or the server has lost what this one has seen.
    const there = await stream.get(leaseSubject)
    this.#lease.readAnew()
    if (there) this.#lease.see(there.seq, readShared(leaseValue, there, folder.commandKey) ?? unreadable)
    else this.#lease.seeNone()
  }

  /** How far this hub has come, with all that hooks and functions had to do; while they are at it, how far it was before. */
  #settled(): number {
    const { bus, clock, inbox } = this.#options
    const at = clock.now()
    const isOpen = bus.open().some(({ runAt, state }) => state === 'claimed' || runAt <= at)
    if (isOpen && at - this.#upTo.at < settledWithinMs && at >= this.#upTo.at) return this.#upTo.seq
    this.#upTo = { seq: inbox.position?.seq ?? 0, at }
    return this.#upTo.seq
  }

  async #share(stream: SharedStream): Promise<void> {
    const { folder, clock, note } = this.#options
    try {
      this.#list.apply()
    } catch (error) {
      note(`fleet: the list of hosts of another hub waits: ${reasonOf(error)}`)
    }
    for (const { subject, value, lasts, done } of this.#list.missing(clock.now())) {
      const text = sharedText(subject, value, folder.commandKey)
      await stream.put(subject, text, lasts === undefined ? {} : { lasts })
      done()
      // A thousand hosts take longer than the lease lasts.
      if (!this.#lease.isHeld && this.#lease.mayWrite) await this.#write(stream)
    }
  }

  /** Notes what has become of this hub, once each. */
  #tell(): void {
    const { isActive, otherActive: active } = this
    const { inbox, note, publishWith, clock, name } = this.#options
    const known = inbox.role
    if (!isActive && active === undefined) return
    const role = { isActive, active: active ?? name }
    if (this.#told !== isActive || known?.active !== role.active) {
      this.#told = isActive
      if (!isActive) note(`fleet: this hub stands by: ${active} acts`)
      else if (known && !known.isActive)
        note(`fleet: this hub acts now${known.active === null ? '' : `, in the place of ${known.active}`}`)
    }
    const others = this.#others.all
    const isKnown = known?.isActive === role.isActive && known.active === role.active
    const stand = (all: readonly OtherHub[] = []) => all.map(({ hub, isGone }) => `${hub} ${isGone}`).join()
    if (isKnown && stand(others) === stand(known.others)) return
    const since = isKnown ? known.since : isoOf(clock.now())
    publishWith(() => {
      inbox.role = { ...role, since, others }
      return []
    })
  }
}

/** Of a hub with another key, as this one has lost its own; it is waited for as for any other one. */
const unreadable: LeaseValue = { id: 'unknown', name: 'a hub with another key', upTo: 0 }

function now(): Moment {
  return { steadyMs: performance.now(), wallMs: Date.now() }
}
