import { nanoid } from 'nanoid'
import type { Envelope } from '../../../../../events/envelope.ts'
import {
  type Delivery,
  heldFloor,
  type Lane,
  lanes,
  type NewDelivery,
  type Publication,
  type Settlement,
  type Turn,
  type TurnResult,
} from '../../bus.ts'
import { envelopeOf, type Row, rowOf } from '../rows.ts'
import { behind, deliveriesAtMost, filedAtOnce, type Statements } from '../statements.ts'
import { admit, skip } from './admission.ts'

const newToken = () => nanoid(12)

const leaseRanOut = 'its lease ran out: nobody renewed it in time'

/** One turn of the dispatcher, in the transaction of its caller. */
export function takeTurn(sql: Statements, turn: Turn): TurnResult {
  const { now, publish = [] } = turn
  const lease = now + turn.leaseMs
  const renewed = turn.renew.map(({ id, token }) => sql.renew.run(lease, id, token).changes === 1)
  const settled = turn.settle.map((settlement) => settle(sql, settlement))
  const emitted = turn.settle.flatMap((settlement, index) =>
    settled[index] && settlement.outcome !== 'retry' ? settlement.publications : [],
  )
  const before = lookAhead(sql, now)
  const births = new Births(sql, turn, before, [...emitted, ...publish])
  insert(sql, emitted, births)
  const taken = insert(sql, publish, births)
  const claimed = births.claimed
  const waiting = lanes.filter((lane) => births.leftReady.has(lane) || isDue(before[lane], now))
  // All that came is in hand: `before` still holds.
  if (waiting.length === 0) return { claimed, settled, renewed, taken, nextAt: firstOf(before) }
  for (const lane of waiting) {
    const room = slotsOf(turn, lane) - claimed.filter((one) => one.lane === lane).length
    if (room > 0) claimed.push(...claimReady(sql, turn, lane, room))
  }
  return { claimed, settled, renewed, taken, nextAt: momentOf(sql.nextAt.get(now)?.run_at) }
}

function slotsOf({ claim, claimBeside }: Turn, lane: Lane): number {
  return lane === 'chain' ? claim : (claimBeside?.[lane] ?? 0)
}

/**
 * Puts events, and what is owed for them, on the bus.
 * @returns For each event whether it was taken.
 */
export function insert(sql: Statements, publications: readonly Publication[], births?: Births): boolean[] {
  let isTimeToFile = false
  const taken = publications.map(({ event, deliveries, dedupe }) => {
    if (dedupe && isStarted(sql, event, dedupe)) return false
    const row = rowOf(event)
    const { changes, lastInsertRowid } = sql.event.run(...Object.values(row))
    if (changes === 0) return false
    const seq = Number(lastInsertRowid)
    isTimeToFile ||= seq % filedAtOnce === 0
    refuseMany(event, deliveries)
    for (const [index, delivery] of deliveries.entries()) {
      const id = seq * deliveriesAtMost + index
      const { runAt, since, isBehind, skipped } = admit(sql, delivery, Date.parse(event.time))
      const placed = { ...delivery, runAt }
      if (skipped === undefined && births?.mayClaim(placed, isBehind)) births.claim(id, row, placed)
      else sql.delivery.run(id, ...columnsOf(placed, isBehind), since)
      if (skipped !== undefined) skip(sql, id, Date.parse(event.time), skipped)
    }
    return true
  })
  if (isTimeToFile) file(sql)
  return taken
}

/** Function, key, how many of it at once, lane, and moment. */
function columnsOf(delivery: NewDelivery, isBehind = false) {
  const { function: name, key, keyLimit = 1, lane = 'chain', runAt } = delivery
  return [name, key ?? null, keyLimit, lanes.indexOf(lane) + (isBehind ? behind : 0), runAt] as const
}

/**
 * Indexes events by run and type. Done for many at once, as each event would touch a page of its own.
 */
export function file(sql: Pick<Statements, 'file' | 'filed'>): void {
  sql.file.run()
  sql.filed.run()
}

/** Whether the same was started before, and counts; notes that it is started now if not. */
function isStarted(
  sql: Statements,
  { type, time, runid = '' }: Envelope,
  { key, withinMs }: NonNullable<Publication['dedupe']>,
): boolean {
  const at = Date.parse(time)
  const last = sql.startedLast.get(type, key) as { at: number; waits: number } | undefined
  // A time that lies ahead is that of a clock that has been set back since.
  if (last && (last.waits === 1 || (last.at <= at && at - last.at < withinMs))) return true
  sql.started.run(type, key, runid, at)
  return false
}

/** @throws One function is owed the event twice, or there are more than its number has room for. */
function refuseMany({ id }: Envelope, deliveries: readonly NewDelivery[]): void {
  if (deliveries.length < 2) return
  const names = new Set(deliveries.map((delivery) => delivery.function))
  if (names.size < deliveries.length) throw new Error(`event ${id} is owed to one function twice`)
  if (names.size > deliveriesAtMost) throw new Error(`event ${id} is owed to ${names.size} functions`)
}

/** Makes claims that were not renewed ready again. @returns The deliveries as they were. */
export function expire(sql: Statements, until: number, error: string, now: number): Row[] {
  const lapsed = sql.lapsed.all(until)
  for (const { id, tries } of lapsed as { id: number; tries: number }[]) {
    sql.attempt.run(tries, now, now, error, id)
    sql.expire.run(id)
  }
  return lapsed
}

/** The token is checked first: a settlement whose token is no longer in force must leave no trace. */
function settle(sql: Statements, settlement: Settlement): boolean {
  const { outcome, delivery, attempt } = settlement
  const { id, token, tries } = delivery
  const { startedAt, endedAt, error = null } = attempt
  if (outcome === 'keyed') {
    if (!sql.isHeld.get(id, token)) return false
    const { key, keyLimit = 1 } = settlement
    const order = { ...settlement, function: delivery.function, runAt: 0 }
    const { runAt, since, isBehind, skipped } = admit(sql, order, endedAt)
    sql.keyed.run(key, keyLimit, isBehind ? behind : 0, runAt, since, id)
    if (skipped !== undefined) skip(sql, id, endedAt, skipped)
    return moveUp(sql, delivery, true)
  }
  if (outcome !== 'retry') {
    return moveUp(sql, delivery, sql.end.run(outcome, startedAt, endedAt, error, id, token).changes === 1)
  }
  if (sql.retry.run(settlement.runAt, id, token).changes === 0) return false
  sql.attempt.run(tries, startedAt, endedAt, error, id)
  return true
}

/** Where one of a key has ended, the next one that waits behind it can be claimed. @returns `hasEnded`. */
function moveUp(sql: Statements, { function: name, key }: Delivery, hasEnded: boolean): boolean {
  if (hasEnded && key !== undefined) sql.moveUp.run(name, key)
  return hasEnded
}

/** As when one of a key has ended, after many may have. */
export function moveAllUp(sql: Statements): void {
  for (const row of sql.keysBehind.all()) {
    const {
      function: name,
      key,
      key_limit: limit,
    } = row as { function: string; key: string; key_limit: number }
    const free = limit - (sql.inFront.get(name, key)?.open as number)
    for (let moved = 0; moved < free; moved++) sql.moveUp.run(name, key)
  }
}

/** When the first delivery of each lane is due, and the next one of those behind others; `null` where there is none. */
type Ahead = Record<Lane | `${Lane}_behind`, number | null>

/** What was there before anything new comes. What has not been renewed in time is ready again. */
function lookAhead(sql: Statements, now: number): Ahead {
  const ahead = () => sql.ahead.get(now) as Ahead & { lapses_at: number | null }
  const found = ahead()
  if (!isDue(found.lapses_at, now)) return found
  expire(sql, now, leaseRanOut, now)
  return ahead()
}

function isDue(at: number | null, now: number): boolean {
  return at !== null && at <= now
}

function firstOf(ahead: Ahead): number | null {
  const moments = lanes
    .flatMap((lane) => [ahead[lane], ahead[`${lane}_behind`]])
    .flatMap((at) => momentOf(at) ?? [])
  return moments.length > 0 ? Math.min(...moments) : null
}

/**
 * Claims deliveries as they are put on the bus: one write instead of two. Only where nothing older of their lane is due, and
 * only those that a claim afterwards would take first.
 */
class Births {
  readonly claimed: Delivery[] = []
  /** Lanes in which something was put that is not in hand. */
  readonly leftReady = new Set<Lane>()
  readonly #sql: Statements
  readonly #turn: Turn
  /** How many of each lane can be claimed still; none where something older is due. */
  readonly #room: Record<Lane, number>
  /** What comes first of all that comes in a lane. */
  readonly #firstAt: Record<Lane, number>

  constructor(sql: Statements, turn: Turn, before: Ahead, publications: readonly Publication[]) {
    this.#sql = sql
    this.#turn = turn
    const roomIn = (lane: Lane) => (isDue(before[lane], turn.now) ? 0 : slotsOf(turn, lane))
    this.#room = { chain: roomIn('chain'), aside: roomIn('aside'), guest: roomIn('guest') }
    this.#firstAt = { chain: turn.now, aside: turn.now, guest: turn.now }
    for (const { deliveries } of publications) {
      for (const { lane = 'chain', runAt } of deliveries) {
        if (runAt < this.#firstAt[lane]) this.#firstAt[lane] = runAt
      }
    }
  }

  mayClaim({ lane = 'chain', runAt }: NewDelivery, isBehind: boolean): boolean {
    const may = !isBehind && this.#room[lane] > 0 && runAt === this.#firstAt[lane]
    if (may) this.#room[lane] -= 1
    else this.leftReady.add(lane)
    return may
  }

  claim(id: number, row: Row, delivery: NewDelivery): void {
    const { function: name, key, lane = 'chain' } = delivery
    const token = newToken()
    const lease = this.#turn.now + this.#turn.leaseMs
    this.#sql.claimed.run(id, ...columnsOf(delivery), token, lease)
    const event = envelopeOf(row)
    this.claimed.push({ id, function: name, tries: 1, generation: 0, token, key, lane, event })
  }
}

function claimReady(sql: Statements, { now, leaseMs }: Turn, lane: Lane, room: number): Delivery[] {
  return sql.ready.all(lanes.indexOf(lane), now, room).map((row) => {
    const id = row.delivery_id as number
    const token = newToken()
    sql.claim.run(token, now + leaseMs, id)
    const tries = (row.tries as number) + 1
    const generation = row.generation as number
    const key = (row.key as string | null) ?? undefined
    const event = envelopeOf(row)
    return { id, function: row.function as string, tries, generation, token, key, lane, event }
  })
}

function momentOf(runAt: unknown): number | null {
  return typeof runAt !== 'number' || runAt >= heldFloor ? null : runAt
}
