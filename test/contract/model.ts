import type { Publication, PublishResult } from '../../runtime/core/bus/bus.ts'

/** One claim of one delivery; in force as long as the delivery is claimed and has not been claimed again. */
export interface Claim {
  /** The delivery's place in the order in which deliveries came. */
  place: number
  tries: number
  generation: number
}

/** A settlement, as the model takes it. */
export interface Ending {
  claim: Claim
  outcome: 'done' | 'retry' | 'dead' | 'cancelled'
  /** Of a retry. */
  runAt: number
  publications: readonly Publication[]
}

export interface ModelTurn {
  now: number
  leaseMs: number
  renew: readonly Claim[]
  settle: readonly Ending[]
  publish: readonly Publication[]
  claim: number
}

interface Owed {
  function: string
  key: string | undefined
  runAt: number
  event: string
  /** When its event was made, or its last try ended. */
  begunAt: number
  runId: string | undefined
  state: 'ready' | 'claimed' | 'ended' | 'dead'
  tries: number
  generation: number
  leaseUntil: number
}

/**
 * What an event bus promises (runtime/core/bus/bus.ts), in arrays and loops: no tokens, no indexes, no transactions.
 * Only its clone makes a turn all or nothing.
 */
export class BusModel {
  readonly #taken = new Map<string, Publication>()
  readonly #owed: Owed[] = []

  clone(): BusModel {
    const copy = new BusModel()
    for (const [key, publication] of this.#taken) copy.#taken.set(key, publication)
    copy.#owed.push(...this.#owed.map((owed) => ({ ...owed })))
    return copy
  }

  /** @throws An event is owed to one function twice. Nothing can be said of the model after that. */
  publish(publications: readonly Publication[]): PublishResult {
    const taken = publications.map((publication) => {
      const { event, deliveries } = publication
      const identity = `${event.source} ${event.id}`
      if (this.#taken.has(identity)) return false
      this.#taken.set(identity, publication)
      if (new Set(deliveries.map((one) => one.function)).size < deliveries.length)
        throw new Error('owed twice')
      for (const { function: name, key, runAt } of deliveries) {
        const begunAt = Date.parse(event.time)
        const fresh = { begunAt, state: 'ready', tries: 0, generation: 0, leaseUntil: 0 } as const
        this.#owed.push({ function: name, key, runAt, event: event.id, runId: event.runid, ...fresh })
      }
      return true
    })
    return { taken }
  }

  /** @throws As `publish`. */
  exchange({ now, leaseMs, renew, settle, publish, claim }: ModelTurn) {
    const renewed = renew.map((one) => {
      const owed = this.#inForce(one)
      if (owed) owed.leaseUntil = now + leaseMs
      return owed !== undefined
    })
    const settled = settle.map((ending) => this.#settle(ending, now))
    const { taken } = this.publish(publish)
    for (const owed of this.#owed) {
      if (owed.state === 'claimed' && owed.leaseUntil <= now) takeBack(owed, now)
    }
    const claimed = this.claimable(now)
      .slice(0, claim)
      .map((place) => {
        const owed = this.#at(place)
        owed.state = 'claimed'
        owed.tries += 1
        owed.leaseUntil = now + leaseMs
        return { place, tries: owed.tries, generation: owed.generation }
      })
    const later = this.#owed.filter((owed) => owed.state === 'ready' && owed.runAt > now)
    const nextAt = later.length > 0 ? Math.min(...later.map(({ runAt }) => runAt)) : null
    return { claimed, settled, renewed, taken, nextAt }
  }

  /** Places of dead letters. */
  dead(): number[] {
    return [...this.#owed.keys()].filter((place) => this.#at(place).state === 'dead')
  }

  /** Places of what may be claimed, in the order in which it has to be. */
  claimable(now: number): number[] {
    return [...this.#owed.keys()]
      .filter((place) => this.#isDue(place, now) && !this.isHeldUp(place))
      .sort((one, other) => this.#at(one).runAt - this.#at(other).runAt || one - other)
  }

  /** Whether an earlier delivery of the same function and key is still open, or a later one in hand. */
  isHeldUp(place: number): boolean {
    const { function: name, key } = this.#at(place)
    if (key === undefined) return false
    return this.#owed.some((other, at) => {
      const inTheWay = at < place ? isOpen(other) : at > place && other.state === 'claimed'
      return inTheWay && other.function === name && other.key === key
    })
  }

  reclaim(now: number): Claim[] {
    const orphans: Claim[] = []
    for (const [place, owed] of this.#owed.entries()) {
      if (owed.state !== 'claimed') continue
      takeBack(owed, now)
      orphans.push({ place, tries: owed.tries, generation: owed.generation })
    }
    // Nothing waits longer than it was to wait, where the clock was set back.
    for (const owed of this.#owed) {
      if (owed.state === 'ready' && owed.runAt > now) owed.runAt -= Math.max(0, owed.begunAt - now)
    }
    return orphans
  }

  hasten(byMs: number): void {
    for (const owed of this.#owed) if (owed.state === 'ready' && owed.runAt > 0) owed.runAt -= byMs
  }

  redrive(place: number): boolean {
    const owed = this.#at(place)
    if (owed.state !== 'dead') return false
    Object.assign(owed, { state: 'ready', runAt: 0, tries: 0, generation: owed.generation + 1 })
    return true
  }

  /** @throws As `publish`. */
  replace(places: readonly number[], publication: Publication): boolean {
    const all = places.map((place) => this.#at(place))
    if (all.some(({ state }) => state !== 'dead')) return false
    for (const owed of all) owed.state = 'ended'
    this.publish([publication])
    return true
  }

  expedite(runId: string, except: readonly string[]): void {
    for (const owed of this.#owed) {
      if (owed.state === 'ready' && owed.runId === runId && !except.includes(owed.function)) owed.runAt = 0
    }
  }

  /** What is open, in the order in which it came. */
  open(runId?: string) {
    return this.#owed
      .map((owed, place) => ({ place, owed }))
      .filter(({ owed }) => isOpen(owed) && (runId === undefined || owed.runId === runId))
      .map(({ place, owed: { function: name, event, state, tries, runAt } }) => {
        return { place, function: name, eventId: event, state, tries, runAt }
      })
  }

  events() {
    return [...this.#taken.values()].map(({ event }) => event)
  }

  /** Places of all that was ever owed, by function and key. */
  lines(): number[][] {
    const keyed = [...this.#owed.entries()].filter(([, { key }]) => key !== undefined)
    const lines = Map.groupBy(keyed, ([, owed]) => `${owed.function} ${owed.key}`)
    return [...lines.values()].map((line) => line.map(([place]) => place))
  }

  get size(): number {
    return this.#owed.length
  }

  #settle({ claim, outcome, runAt, publications }: Ending, now: number): boolean {
    const owed = this.#inForce(claim)
    if (!owed) return false
    if (outcome === 'retry') {
      takeBack(owed, now)
      owed.runAt = runAt
    } else {
      owed.state = outcome === 'dead' ? 'dead' : 'ended'
      // It may be redriven, and its next try fail at a time before this one.
      owed.begunAt = Math.max(owed.begunAt, now)
      this.publish(publications)
    }
    return true
  }

  #inForce({ place, tries, generation }: Claim): Owed | undefined {
    const owed = this.#at(place)
    const same = owed.tries === tries && owed.generation === generation
    return owed.state === 'claimed' && same ? owed : undefined
  }

  #isDue(place: number, now: number): boolean {
    const { state, runAt } = this.#at(place)
    return state === 'ready' && runAt <= now
  }

  #at(place: number): Owed {
    const owed = this.#owed[place]
    if (!owed) throw new Error(`nothing was ever owed at place ${place}`)
    return owed
  }
}

function isOpen({ state }: Owed): boolean {
  return state === 'ready' || state === 'claimed'
}

function takeBack(owed: Owed, now: number): void {
  owed.state = 'ready'
  owed.begunAt = Math.max(owed.begunAt, now)
}
