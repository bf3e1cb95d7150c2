import * as z from 'zod'

/** What the hub that acts has put into the stream that the hubs of a fleet share. */
export const leaseValue = z.object({
  /** The hub, as no other one is called. */
  id: z.string().min(1).max(256),
  /** Its machine. */
  name: z.string().max(256),
  /** The number of the last message of what hosts tell with which it is done, hooks and functions too. */
  upTo: z.int().min(0),
})
export type LeaseValue = z.output<typeof leaseValue>

/** How long things take, in milliseconds. */
export interface LeaseTimes {
  /** So often the hub that acts says so. */
  renewMs: number
  /** It acts for so long after it began to say so. */
  lastsMs: number
  /** Another hub acts once it has heard nothing for so long: it is longer, so that clocks may differ in their pace. */
  takenAfterMs: number
}

export const usualLease: LeaseTimes = { renewMs: 3000, lastsMs: 10_000, takenAfterMs: 15_000 }

/** A moment by two clocks of this machine: one that nobody sets, which may stand still while the machine sleeps, and one that does not. */
export interface Moment {
  steadyMs: number
  wallMs: number
}

/**
 * Which of the hubs of a fleet acts. It renews a message, by the right of whose number it was the last to do so: of two that try, the server lets
 * one. No moment is told from machine to machine: each counts by its own clocks from what it has seen or sent itself.
 */
export class Lease {
  readonly #id: string
  readonly #times: LeaseTimes
  readonly #now: () => Moment
  #seen: { seq: number; value: LeaseValue; at: Moment } | undefined
  /** The highest number that was read in this stream. */
  #last = 0
  /** When it began to write what was taken last. */
  #heldFrom: Moment | undefined

  constructor(id: string, now: () => Moment, times: LeaseTimes) {
    this.#id = id
    this.#now = now
    this.#times = times
  }

  /** Whether this hub may act at this moment. */
  get isHeld(): boolean {
    return this.#heldFrom !== undefined && this.#since(this.#heldFrom) < this.#times.lastsMs
  }

  /** Who acts where this hub does not, so far as it knows. */
  get holder(): LeaseValue | undefined {
    return this.#seen?.value
  }

  /** Whether the stream that is read now has one. */
  get isThere(): boolean {
    return this.#last > 0
  }

  /** The number under which the lease was seen last: what is written has to follow it. */
  get seq(): number {
    return this.#seen?.seq ?? 0
  }

  /** The stream is read from its beginning: it may be another one. */
  readAnew(): void {
    this.#last = 0
  }

  /** Takes what stands in the stream. What comes late, as a later one is known, tells nothing. */
  see(seq: number, value: LeaseValue): void {
    if (seq <= this.#last) return
    this.#last = seq
    if (value.id !== this.#id) this.#heldFrom = undefined
    // For how long nothing was heard goes on over a break.
    if (this.#seen?.seq === seq && this.#seen.value.id === value.id) return
    this.#seen = { seq, value, at: this.#now() }
  }

  /** The stream has none: whoever writes first has it. */
  seeNone(): void {
    this.#seen = undefined
    this.#heldFrom = undefined
  }

  /** Whether this hub is to write: it has acted last, nobody has, or whoever did has not been heard for long. */
  get mayWrite(): boolean {
    if (!this.#seen || this.#seen.value.id === this.#id) return true
    return this.#since(this.#seen.at) >= this.#times.takenAfterMs
  }

  /** The server has taken what this hub began to write at `from`. */
  wrote(seq: number, value: LeaseValue, from: Moment): void {
    this.#last = seq
    this.#seen = { seq, value, at: from }
    this.#heldFrom = from
  }

  #since({ steadyMs, wallMs }: Moment): number {
    const now = this.#now()
    return Math.max(now.steadyMs - steadyMs, now.wallMs - wallMs)
  }
}
