import type { Envelope } from '../../../events/envelope.ts'

/**
 * The bus keeps events and what is owed for them. It promises:
 *
 * - **Durable.** What `publish` or `exchange` has answered for survives SIGKILL and power loss.
 * - **All or nothing.** A settlement (done, retry, dead), what it emits and its line in the journal are one
 *   transaction.
 * - **At least once, one at a time.** A claimed delivery belongs to its claimant until the lease ends; a
 *   settlement with a token that is no longer in force changes nothing and emits nothing.
 * - **No doubles.** An event whose `source` and `id` are already there is not taken a second time.
 * - **In order per key.** A delivery with a key waits until fewer than `keyLimit` (1) earlier ones of the same function and
 *   key are open; a redriven one also for what is in hand of those that came later.
 * - **Skipped where it says so.** A delivery that comes while its key is busy may end without being handled (`onBusy`), one
 *   that is put off (`putOff`) when a later one comes: done, with a line in its log.
 * - **In lanes.** Deliveries of one lane are claimed in their order, however many wait in another one.
 * - **Counted.** A delivery's `tries` goes up when it is claimed, so a crash counts.
 * - **Kept.** A dead delivery stays until it is redriven or replaced, or its run is forgotten.
 *
 * Every implementation passes test/contract/bus.ts.
 */
export interface EventBus {
  publish(publications: readonly Publication[]): Promise<PublishResult>

  /**
   * One turn of the dispatcher, in one transaction: first prolongs the leases of what is in hand, then
   * records what has ended, then takes what is published, then claims what is ready.
   */
  exchange(turn: Turn): Promise<TurnResult>

  /**
   * Makes every claimed delivery ready again, and shortens delays by as much as the clock was set back. Only for the sole
   * runner, at its start.
   */
  reclaim(error: string, now: number): Promise<Delivery[]>

  /** Shortens all delays: the clock was set back by so much. */
  hasten(byMs: number): Promise<void>

  /** Makes the delayed deliveries of one run ready at once, but for those to some functions. */
  expedite(runId: string, except?: readonly string[]): Promise<void>

  /**
   * Makes a dead delivery ready again. Its `tries` begin anew; as its generation is another one, so are the ids of what it
   * emits.
   * @returns false, and nothing is changed, when it is no dead letter.
   */
  redrive(id: number): Promise<boolean>

  /**
   * Puts an event on the bus that stands for dead deliveries; they are dead letters no more.
   * @returns false, and nothing is changed, when one of them is no dead letter.
   */
  replace(ids: readonly number[], publication: Publication): Promise<boolean>

  /** Holds back what one run has ready, until it is expedited. @param until It waits for its turn only from this moment on (`ripen`). */
  holdBack(runId: string, until?: number): Promise<void>

  /**
   * Takes back a run that is held back as a whole: its deliveries are cancelled, and its end is put on the bus.
   * @returns false, and nothing is changed, when something of it is not held back (any more).
   */
  withdraw(runId: string, publications: readonly Publication[]): Promise<boolean>

  /**
   * Takes back what a run owes, whenever it is due, if nobody has tried anything of it.
   * @param options.begun Also where somebody has; only for the sole user of a store on which nobody is at work.
   * @param options.publish What is put on the bus in the same transaction: the end of the run, where an event ends it.
   * @returns false, and nothing is changed, when somebody has, or nothing of it is owed.
   */
  revoke(
    runId: string,
    reason: string,
    now: number,
    options?: { begun?: boolean; publish?: readonly Publication[] },
  ): Promise<boolean>

  /**
   * Lets runs wait for their turn whose moment (`heldUntil`) has come.
   * @returns The moment of the next one, if there is one.
   */
  ripen(now: number): number | undefined

  /** The run of the oldest delivery that is held back (`runAt: heldBack`). */
  heldRun(): string | undefined

  /** Runs of which something is held back that was never claimed, whatever its moment, in no order. */
  heldRuns(): string[]

  /** The oldest run that is held back and began with an event of this type and the same data. */
  heldLike(event: Pick<Envelope, 'type' | 'data'>): string | undefined

  /** The event that was put on the bus under this source and id. */
  find(source: string, id: string): Envelope | undefined

  /** Calls back when another process may have put something on the bus. The answer stops it. */
  watch(listener: () => void): () => void

  /** Open deliveries (ready, delayed or claimed), of one run or of all. */
  open(runId?: string): OpenDelivery[]

  /** Events in the order in which they were put on the bus. */
  events(filter: EventFilter): Envelope[]

  /** Why what is put on the bus would be lost, if it would. */
  lost(): Error | undefined

  close(): void
}

/** The `runAt` of a delivery that waits until its run is expedited. */
export const heldBack: number = Number.MAX_SAFE_INTEGER

/** From here on a `runAt` is that of a run that is held back; no moment is so late. */
export const heldFloor: number = 2 ** 52

/** The `runAt` of a delivery that is held back as well, but waits for its turn only from a moment on. */
export function heldUntil(at: number): number {
  return heldFloor + at
}

/** When a delivery can be handled, or its run begin; undefined where that only waits for other runs. */
export function dueAt(runAt: number): number | undefined {
  if (runAt === heldBack) return undefined
  return runAt >= heldFloor ? runAt - heldFloor : runAt
}

/**
 * What is claimed apart from each other, so that none waits for another: the chain of a run, what stands beside it
 * (notifications), and functions of the user's.
 */
export const lanes = ['chain', 'aside', 'guest'] as const
export type Lane = (typeof lanes)[number]

/** An event, and who has to handle it. */
export interface Publication {
  event: Envelope
  deliveries: readonly NewDelivery[]
  /** Is not taken while a run that was started under the same key waits, or was started within a time before. */
  dedupe?: { key: string; withinMs: number } | undefined
}

export interface NewDelivery {
  function: string
  /** Orders deliveries of the same function; without a key there is no order. */
  key?: string | undefined
  /** So many of its key are in hand at once at most; 1 unless given. */
  keyLimit?: number | undefined
  /**
   * What becomes of it while so many of its key are open; `wait` unless given. `skip` ends it, `replace` those that wait
   * behind the key.
   */
  onBusy?: OnBusy | undefined
  /** Waits until no later one of its function and key has come for a while, which then stands for it. */
  putOff?: PutOff | undefined
  /** The chain unless given. */
  lane?: Lane
  /** Not before this moment, in milliseconds since the epoch. */
  runAt: number
}

export type OnBusy = 'wait' | 'skip' | 'replace'

export interface PutOff {
  /** How long none may come. */
  waitMs: number
  /** How long it is put off at most, from the first one that another stood for. */
  longestMs: number
}

export interface PublishResult {
  /** For each event, in their order, whether it was taken; false for one that was already there. */
  taken: boolean[]
}

/** One event, owed to one function, now in the hands of the claimant. */
export interface Delivery {
  id: number
  function: string
  event: Envelope
  /** Times claimed, this one included; since it was last redriven. */
  tries: number
  /** Times redriven. */
  generation: number
  /** Fences this claim off from earlier and later ones. */
  token: string
  key?: string | undefined
  lane: Lane
}

/**
 * The key of a delivery whose key takes a while to compute. Whoever claims such a one computes it, and gives the delivery
 * back (`keyed`). As all of a function share it until then, they are computed in the order of their events.
 */
export const unknownKey = '(to be computed)'

export interface OpenDelivery {
  id: number
  function: string
  eventId: string
  state: 'ready' | 'claimed'
  tries: number
  runAt: number
}

export interface Turn {
  now: number
  /** Deliveries still in hand. */
  renew: readonly Delivery[]
  settle: readonly Settlement[]
  /** As by `publish`: what comes is in hand after one commit instead of two. */
  publish?: readonly Publication[]
  /** How many deliveries of the chain to claim at most. */
  claim: number
  /** How many of the other lanes; none unless given. */
  claimBeside?: Readonly<Record<Exclude<Lane, 'chain'>, number>>
  leaseMs: number
}

export interface TurnResult {
  claimed: Delivery[]
  /** For each event of `publish`, whether it was taken. */
  taken: boolean[]
  /** For each settlement, whether its token was still in force. */
  settled: boolean[]
  /** For each renewed delivery, whether it is still ours. */
  renewed: boolean[]
  /** When the next delayed delivery is due, null if there is none but such as are held back. */
  nextAt: number | null
}

/** How one attempt at a delivery ended. */
export interface Attempt {
  startedAt: number
  endedAt: number
  error?: string | undefined
}

export type Settlement = { delivery: Delivery; attempt: Attempt } & (
  | { outcome: 'done'; publications: readonly Publication[] }
  | { outcome: 'retry'; runAt: number }
  /** Its key is known now: it is ready again, and the claim does not count. */
  | ({ outcome: 'keyed'; key: string; publications: readonly Publication[] } & Pick<
      NewDelivery,
      'keyLimit' | 'onBusy' | 'putOff'
    >)
  | { outcome: 'dead' | 'cancelled'; publications: readonly Publication[] }
)

export interface EventFilter {
  runId?: string
  types?: readonly string[]
  subject?: string
  /** Only those with this time or a later one, in ISO 8601 and UTC. */
  since?: string
  /** The newest first. */
  newestFirst?: boolean
  limit?: number
}
