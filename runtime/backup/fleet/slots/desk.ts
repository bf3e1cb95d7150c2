import type { SlotAnswer, SlotStatement } from '../../../fleet-protocol.ts'

/** How one host stands with one backup server. */
export interface SlotPlace {
  server: string
  host: string
  /** `waits`; at work, as it was `granted`; or at work `alone`, as its patience was at an end. */
  state: 'waits' | 'granted' | 'alone'
  /** Since it is so, by the clock of the hub, in milliseconds since the epoch. */
  since: number
}

/** So many hosts of a group are at work at once at most: those of one `hdsync fleet run --at-most`. */
export interface Cap {
  group: string
  atMost: number
}

export interface DeskOptions {
  /** How many at once, by server. */
  slots: Readonly<Record<string, number>>
  now(): number
  /** Says something to a host. */
  answer(host: string, answer: Omit<SlotAnswer, 'v'>): void
  /** Whether nothing is granted to this host for now. */
  isPaused(host: string, server: string): boolean
  /** What a command of the hub says of how many at once. @param host To whom it was given. */
  capOf(host: string, command: string): Cap | undefined
  /** Whether this is the hub that grants. */
  mayGrant(): boolean
  /** Nobody can have a slot of another hub: it need not wait to hear of that. */
  isFirst?: boolean
}

interface Place extends SlotPlace {
  ask: string
  cap: Cap | undefined
  /** Looks at which nothing had come from it since the one before. */
  missed: number
}

/** Who has said nothing at so many looks in a row is gone. */
export const goneAfterLooks = 4
/** To whom nothing is granted any more: most likely it is gone. */
const doubtfulAfterLooks = 2

/**
 * Which hosts are at work on a backup server, and which wait. It is kept in memory alone: hosts repeat how they stand, and a desk that is new
 * grants nothing before all who have a slot have had time to say so. So whoever is the hub after it was killed, or another one in its place,
 * grants no more than there are.
 *
 * Silence is counted in looks and not by the clock: a hub that was stopped for a while has its messages still to read.
 */
export class SlotDesk {
  readonly #options: DeskOptions
  readonly #places = new Map<string, Place>()
  /** Looks until it grants. */
  #newFor = goneAfterLooks

  constructor(options: DeskOptions) {
    this.#options = options
    if (options.isFirst) this.#newFor = 0
  }

  /** Another hub may have granted slots since it last looked: it waits again before it grants. */
  renew(): void {
    this.#newFor = goneAfterLooks
  }

  /** What hosts have said for a while is lost: their silence counts anew. */
  missedSome(): void {
    if (this.isNew) this.renew()
    for (const place of this.#places.values()) place.missed = 0
  }

  /** Whether it grants nothing yet. */
  get isNew(): boolean {
    return this.#newFor > 0
  }

  /** Everybody who waits or is at work, in the order in which they came. */
  get places(): SlotPlace[] {
    return [...this.#places.values()].map(({ server, host, state, since }) => ({
      ...{ server, host, state, since },
    }))
  }

  /** Takes what a host says. Safe to repeat. @param host Whose subject it came by. */
  hear(host: string, { server, ask, state, alone = false, command }: SlotStatement): void {
    const { answer, now, slots, capOf } = this.#options
    if (!Object.hasOwn(slots, server)) {
      if (state === 'wants') answer(host, { server, ask, state: 'unknown' })
      return
    }
    const key = keyOf(host, server)
    const known = this.#places.get(key)
    if (state === 'done') {
      if (known?.ask === ask && this.#places.delete(key)) this.#grant(server)
      return
    }
    const isSame = known?.ask === ask
    if (!isSame) this.#places.delete(key)
    const place: Place =
      isSame && known
        ? known
        : {
            ...{ server, host, ask, state: 'waits', since: now(), missed: 0 },
            cap: command === undefined ? undefined : capOf(host, command),
          }
    place.missed = 0
    this.#places.set(key, place)
    const stands = state === 'wants' ? place.state : alone ? 'alone' : 'granted'
    if (stands !== place.state) Object.assign(place, { state: stands, since: now() })
    const before = place.state
    this.#grant(server)
    if (state === 'has') return
    // What it is granted just now, it is told once.
    if (place.state === before) this.#tell(place)
  }

  /** To be called once in `slotRepeatMs`, as the hub has heard all that hosts have said. */
  look(): void {
    if (this.#newFor > 0) this.#newFor -= 1
    for (const [key, place] of this.#places) {
      place.missed += 1
      if (place.missed > goneAfterLooks) this.#places.delete(key)
    }
    this.grant()
  }

  /** Grants what is free: something may be paused no more. */
  grant(): void {
    for (const server of Object.keys(this.#options.slots)) this.#grant(server)
  }

  #grant(server: string): void {
    const { slots, isPaused, now, mayGrant } = this.#options
    if (this.isNew || !mayGrant()) return
    let free = (slots[server] ?? 0) - this.#of(server).filter(isAtWork).length
    for (const place of this.#of(server)) {
      if (free <= 0) return
      if (isAtWork(place) || place.missed >= doubtfulAfterLooks) continue
      if (isPaused(place.host, server) || this.#isCapped(place)) continue
      Object.assign(place, { state: 'granted', since: now() })
      free -= 1
      this.#tell(place)
    }
  }

  #isCapped({ cap }: Place): boolean {
    if (!cap) return false
    const same = [...this.#places.values()].filter((one) => isAtWork(one) && one.cap?.group === cap.group)
    return same.length >= cap.atMost
  }

  #tell(place: Place): void {
    const { answer, isPaused } = this.#options
    const { server, host, ask } = place
    if (isAtWork(place)) {
      answer(host, { server, ask, state: 'granted' })
      return
    }
    const waiting = this.#of(server).filter((one) => !isAtWork(one))
    const ahead = waiting.indexOf(place)
    answer(host, { server, ask, state: 'waits', ahead, ...(isPaused(host, server) && { isPaused: true }) })
  }

  #of(server: string): Place[] {
    return [...this.#places.values()].filter((place) => place.server === server)
  }
}

function isAtWork({ state }: SlotPlace): boolean {
  return state !== 'waits'
}

const keyOf = (host: string, server: string) => `${host} ${server}`
