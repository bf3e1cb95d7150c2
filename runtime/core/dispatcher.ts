import type { Envelope } from '../../events/envelope.ts'
import type { CancelledError, TerminalError } from '../errors.ts'
import { type Delivery, heldFloor, type Lane, type Publication, type Settlement } from './bus/bus.ts'
import { GateKeeper, type VisitEnded } from './gates.ts'
import { foundIn, type RegisteredFunction } from './registry/registry.ts'
import { giveUp, type WorkerOptions, work } from './worker.ts'

export interface DispatcherOptions extends Omit<WorkerOptions, 'gates'> {
  /**
   * Deliveries in hand at once, of each lane; 16 unless given. Hooks that hang, and functions of the user's, however many
   * events they are owed, keep no run waiting.
   */
  concurrency?: number
  /** How long a claim holds without being renewed; 30 s unless given. */
  leaseMs?: number
  visitEnded?: VisitEnded
  /** Told of every event once it is on the disk. */
  onEvent?(event: Envelope): void
  /** Told of each attempt that has ended, once that is on the disk. */
  onSettled?(settlement: Settlement): void
  /**
   * Called when the bus fails (a full disk). Returns whether it can go on: the same turn is then repeated.
   */
  relieve?(error: Error): boolean
  /** Called when the bus fails for good; nothing more is dispatched. */
  onFailure?(error: Error): void
  /** Called when nothing is in hand and nothing is ready. */
  onIdle?(): void
}

/** How much too early a timer may fire without the clock having been set back. */
const timerErrorMs = 1000

/** How often it is looked at most whether the user's functions have changed, before a delivery to one of them or of ours. */
const guestLookMs = 50
const ownLookMs = 1000

/** What is to be put on the bus with the next turn. */
interface Asked {
  publications: readonly Publication[]
  answer: PromiseWithResolvers<boolean[]>
}

/** A run that is ended before its time. */
interface EndedRun {
  reason: CancelledError | TerminalError
  isSpared(functionName: string): boolean
}

interface InHand {
  delivery: Delivery
  /** When its lease began. */
  leasedAt: number
  /** Ends the attempt. */
  end: AbortController
  settlement: Promise<Settlement>
}

/**
 * Hands what is on the bus to the functions. It sleeps until it is woken: by a commit of its own in the same turn of the
 * loop, by one of another process through the bus's `watch`, by a timer for a delayed delivery. What ends in one turn of
 * the loop is committed together.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions & WorkerOptions
  readonly #inHand = new Map<number, InHand>()
  readonly #asides: () => readonly string[]
  readonly #endedRuns = new Map<string, EndedRun>()
  #ended: Settlement[] = []
  #asked: Asked[] = []
  #scheduled = false
  #turning = false
  #again = false
  #stopped = false
  #draining = false
  #guestsHeld = false
  #clearTimer: (() => void) | undefined
  #nextAt: number | null = null
  #clearHeartbeat: (() => void) | undefined
  #unwatch: (() => void) | undefined
  #idleWaiters: (() => void)[] = []
  #failure: Error | undefined

  constructor(options: DispatcherOptions) {
    this.#asides = foundIn(options.registry, (functions) =>
      functions.flatMap(({ name, definition }) => (definition.spec.aside ? name : [])),
    )
    this.#options = { ...options, gates: new GateKeeper(options) }
  }

  /** Why the bus has failed, if it has. */
  get failed(): Error | undefined {
    return this.#failure
  }

  /** Deliveries that functions are working on. */
  get inHand(): number {
    return this.#inHand.size
  }

  get #leaseMs(): number {
    return this.#options.leaseMs ?? 30_000
  }

  start(): void {
    this.#unwatch = this.#options.bus.watch(() => this.wake())
    this.#heartbeat()
    this.wake()
  }

  /** Looks at the bus in the next turn of the loop. */
  wake(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#turning) this.#again = true
      else void this.#turn()
    })
  }

  /**
   * Puts events on the bus with the next turn, so that what is due is in hand after one commit.
   * @returns For each, whether it was taken: it may be there already.
   */
  async publish(publications: readonly Publication[]): Promise<boolean[]> {
    const turns = this.#unwatch && !this.#stopped && !this.#failure
    if (turns && publications.some(isDue)) {
      const answer = Promise.withResolvers<boolean[]>()
      this.#asked.push({ publications, answer })
      this.wake()
      return answer.promise
    }
    const { taken } = await this.#options.bus.publish(publications)
    this.announce(publications.filter((_, index) => taken[index]))
    return taken
  }

  /** Reports events that were put on the bus by other means. */
  announce(publications: readonly Publication[]): void {
    this.#tell(publications)
    if (publications.some(isDue)) this.wake()
  }

  /**
   * Ends a run early: what is in hand is aborted, what waits is given up, both with `reason`. Functions marked `always` are
   * run.
   * @param isSpared Functions that go on all the same; `aside` ones unless given.
   */
  async endRun(
    runId: string,
    reason: CancelledError | TerminalError,
    isSpared: (functionName: string) => boolean = (name) => this.#asides().includes(name),
  ): Promise<void> {
    this.#endedRuns.set(runId, { reason, isSpared })
    for (const { delivery, end } of this.#inHand.values()) {
      if (delivery.event.runid === runId && !this.#goesOn(delivery, isSpared)) end.abort(reason)
    }
    await this.#options.bus.expedite(
      runId,
      this.#options.registry.functions.flatMap(({ name }) => (isSpared(name) ? name : [])),
    )
    this.wake()
  }

  /** Resolves when nothing is in hand and nothing is ready; delayed deliveries do not count. */
  idle(): Promise<void> {
    if (this.#failure || this.#stopped) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.wake()
    })
  }

  /** Claims nothing more that the user's functions are owed, but at gates; that is kept for the next start. */
  holdGuests(): void {
    this.#guestsHeld = true
  }

  /** Aborts what is in hand and waits for it, without recording anything: the bus cannot take it. */
  async abandon(reason: Error): Promise<void> {
    this.#draining = true
    const hands = [...this.#inHand.values()]
    for (const { end } of hands) end.abort(reason)
    await Promise.all(hands.map(({ settlement }) => settlement))
  }

  /** Claims nothing more, and waits for what is in hand. */
  async stop(): Promise<void> {
    this.#draining = true
    while ((this.#inHand.size > 0 || this.#asked.length > 0 || this.#turning) && !this.#failure)
      await this.idle()
    this.#stopped = true
    this.#clearTimer?.()
    this.#clearHeartbeat?.()
    this.#unwatch?.()
  }

  async #turn(): Promise<void> {
    if (this.#stopped || this.#failure) return
    this.#turning = true
    this.#again = false
    const settle = this.#ended
    this.#ended = []
    const asked = this.#asked
    this.#asked = []
    try {
      const { bus, clock, concurrency = 16 } = this.#options
      const inHand = countByLane([...this.#inHand.values()])
      const ended = countByLane(settle)
      const room = (lane: Lane) => (this.#draining ? 0 : concurrency - inHand[lane] + ended[lane])
      const now = clock.now()
      const aging = this.#aging(now, settle)
      const result = await bus.exchange({
        now,
        leaseMs: this.#leaseMs,
        renew: aging.map(({ delivery }) => delivery),
        settle,
        publish: asked.flatMap(({ publications }) => publications),
        claim: room('chain'),
        claimBeside: { aside: room('aside'), guest: this.#guestsHeld ? 0 : room('guest') },
      })
      for (const one of aging) one.leasedAt = now
      for (const [index, settlement] of settle.entries()) {
        this.#inHand.delete(settlement.delivery.id)
        if (result.settled[index]) this.#tellSettled(settlement)
      }
      this.#answer(asked, result.taken)
      for (const delivery of result.claimed) this.#take(delivery, now)
      this.#wakeAt(result.nextAt)
      if (this.#inHand.size === 0) this.#tellIdle()
    } catch (error) {
      this.#ended = [...settle, ...this.#ended]
      if (asked.length > 0) {
        // Whether the bus can go on without what was asked, the next turn shows.
        for (const { answer } of asked) answer.reject(error)
        return this.wake()
      }
      if (this.#options.relieve?.(error as Error)) return this.wake()
      // Nothing is lost: the next start takes up what could not be recorded.
      this.#failure = error as Error
      for (const { answer } of this.#asked.splice(0)) answer.reject(error)
      this.#options.onFailure?.(this.#failure)
      this.#tellIdle()
    } finally {
      this.#turning = false
      if (!this.#failure && (this.#again || this.#ended.length > 0)) this.wake()
    }
  }

  /**
   * Timers do not follow a clock that is set. So one that is set for the same time stays: renewed after the clock was set
   * back, it would be put off at each turn.
   */
  #wakeAt(nextAt: number | null): void {
    if (nextAt === this.#nextAt) return
    this.#clearTimer?.()
    this.#nextAt = nextAt
    const { bus, clock } = this.#options
    if (nextAt === null) return
    this.#clearTimer = clock.schedule(nextAt - clock.now(), () => {
      this.#nextAt = null
      const setBackMs = nextAt - clock.now()
      const ready = setBackMs > timerErrorMs ? bus.hasten(setBackMs) : Promise.resolve()
      // The next turn meets the same error.
      ready.catch(() => {}).finally(() => this.wake())
    })
  }

  /** What is in hand and due for a renewal of its lease; each costs a write. */
  #aging(now: number, ended: readonly Settlement[]): InHand[] {
    const over = new Set(ended.map(({ delivery }) => delivery.id))
    return [...this.#inHand.values()].filter(
      // By the amount, as the clock may have been set back.
      ({ delivery, leasedAt }) => Math.abs(now - leasedAt) >= this.#leaseMs / 6 && !over.has(delivery.id),
    )
  }

  #take(delivery: Delivery, leasedAt: number): void {
    const end = new AbortController()
    const settlement = this.#settlementOf(delivery, end)
    this.#inHand.set(delivery.id, { delivery, leasedAt, end, settlement })
    void settlement.then((ended) => {
      this.#ended.push(ended)
      this.wake()
    })
  }

  async #settlementOf(delivery: Delivery, end: AbortController): Promise<Settlement> {
    const target = await this.#targetOf(delivery)
    if (!target) {
      const error = `there is no function ${delivery.function} any more`
      const now = this.#options.clock.now()
      const attempt = { startedAt: now, endedAt: now, error }
      const publications = this.#options.deadLetters?.(delivery, error) ?? []
      return { outcome: 'dead', delivery, attempt, publications }
    }
    const ended = this.#endedRuns.get(delivery.event.runid ?? '')
    if (ended && !this.#goesOn(delivery, ended.isSpared)) {
      return giveUp(delivery, target, ended.reason, this.#options)
    }
    return work(delivery, target, end, this.#options)
  }

  /** A function of the user's as its files are now; hdsync's own wait for nothing. */
  async #targetOf({ function: name }: Delivery): Promise<RegisteredFunction | undefined> {
    const { registry } = this.#options
    const found = registry.get(name)
    const isOurs = found !== undefined && found.guest === undefined
    const changing = registry.refresh?.(isOurs ? ownLookMs : guestLookMs)
    if (isOurs || !changing) return found
    await changing
    return registry.get(name)
  }

  /** Renews leases, three times as often as needed. */
  #heartbeat(): void {
    this.#clearHeartbeat = this.#options.clock.schedule(this.#leaseMs / 3, () => {
      if (this.#stopped) return
      if (this.#inHand.size > 0 || this.#options.bus.lost()) this.wake()
      this.#heartbeat()
    })
  }

  /** Whether a function goes on though its run is ended. */
  #goesOn({ function: name }: Delivery, isSpared: EndedRun['isSpared']): boolean {
    return isSpared(name) || (this.#options.registry.get(name)?.definition.spec.always ?? false)
  }

  #answer(asked: readonly Asked[], taken: readonly boolean[]): void {
    let from = 0
    for (const { publications, answer } of asked) {
      const these = taken.slice(from, from + publications.length)
      from += publications.length
      this.#tell(publications.filter((_, index) => these[index]))
      answer.resolve(these)
    }
  }

  #tellSettled(settlement: Settlement): void {
    if (settlement.outcome !== 'retry') this.#tell(settlement.publications)
    try {
      this.#options.onSettled?.(settlement)
    } catch {
      // As with events.
    }
  }

  #tell(publications: readonly Publication[]): void {
    for (const { event } of publications) {
      try {
        this.#options.onEvent?.(event)
      } catch {
        // An observer must not stop the work.
      }
    }
  }

  #tellIdle(): void {
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
    this.#options.onIdle?.()
  }
}

function countByLane(all: readonly { delivery: Delivery }[]): Record<Lane, number> {
  const counts = { chain: 0, aside: 0, guest: 0 }
  for (const { delivery } of all) counts[delivery.lane] += 1
  return counts
}

/** Runs that wait for their turn need no look at the bus. */
function isDue({ deliveries }: Publication): boolean {
  return deliveries.some(({ runAt }) => runAt < heldFloor)
}
