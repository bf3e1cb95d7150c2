import { nanoid } from 'nanoid'
import type { Envelope } from '../../../../events/envelope.ts'
import {
  type Delivery,
  heldFloor,
  type NewDelivery,
  type Publication,
  type Settlement,
  type Turn,
  type TurnResult,
} from '../bus.ts'
import { envelopeOf, type Row, rowOf } from './rows.ts'
import { deliveriesAtMost, filedAtOnce, type Statements } from './statements.ts'

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
  const births = before.othersWait ? undefined : new Births(sql, turn, [...emitted, ...publish])
  insert(sql, emitted, births)
  const taken = insert(sql, publish, births)
  const claimed = births?.claimed ?? []
  // All that came is in hand: `before` still holds.
  if (births && !births.leftReady) return { claimed, settled, renewed, taken, nextAt: before.nextAt }
  const room = turn.claim - claimed.length
  if (room > 0) claimed.push(...claimReady(sql, turn, room))
  return { claimed, settled, renewed, taken, nextAt: momentOf(sql.nextAt.get(now)?.run_at) }
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
      if (births?.mayClaim(delivery)) births.claim(id, row, delivery)
      else sql.delivery.run(id, delivery.function, delivery.key ?? null, delivery.runAt)
    }
    return true
  })
  if (isTimeToFile) file(sql)
  return taken
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
  if (outcome === 'keyed') return sql.keyed.run(settlement.key, id, token).changes === 1
  if (outcome !== 'retry') return sql.end.run(outcome, startedAt, endedAt, error, id, token).changes === 1
  if (sql.retry.run(settlement.runAt, id, token).changes === 0) return false
  sql.attempt.run(tries, startedAt, endedAt, error, id)
  return true
}

/** What was there before anything new comes. What has not been renewed in time is ready again. */
function lookAhead(sql: Statements, now: number): { othersWait: boolean; nextAt: number | null } {
  const { lapses_at, due_at } = sql.ahead.get() as { lapses_at: number | null; due_at: number | null }
  const lapsed = lapses_at !== null && lapses_at <= now
  if (lapsed) expire(sql, now, leaseRanOut, now)
  return { othersWait: lapsed || (due_at !== null && due_at <= now), nextAt: momentOf(due_at) }
}

/**
 * Claims deliveries as they are put on the bus: one write instead of two. Only where nothing older is due, and only those
 * that a claim afterwards would take first.
 */
class Births {
  readonly claimed: Delivery[] = []
  /** Something was put on the bus that is not in hand. */
  leftReady = false
  readonly #sql: Statements
  readonly #turn: Turn
  /** What comes first of all that comes. */
  readonly #firstAt: number

  constructor(sql: Statements, turn: Turn, publications: readonly Publication[]) {
    this.#sql = sql
    this.#turn = turn
    this.#firstAt = publications
      .flatMap(({ deliveries }) => deliveries)
      .reduce((first, { runAt }) => Math.min(first, runAt), turn.now)
  }

  mayClaim({ function: name, key, runAt }: NewDelivery): boolean {
    const { claim, claimExcept } = this.#turn
    const may =
      runAt === this.#firstAt &&
      this.claimed.length < claim &&
      !claimExcept?.includes(name) &&
      (key === undefined || !this.#sql.isKeyTaken.get(name, key))
    if (!may) this.leftReady = true
    return may
  }

  claim(id: number, row: Row, { function: name, key, runAt }: NewDelivery): void {
    const token = newToken()
    const lease = this.#turn.now + this.#turn.leaseMs
    this.#sql.claimed.run(id, name, key ?? null, runAt, token, lease)
    this.claimed.push({ id, function: name, tries: 1, generation: 0, token, key, event: envelopeOf(row) })
  }
}

function claimReady(sql: Statements, turn: Turn, room: number): Delivery[] {
  const { now, leaseMs, claimExcept = [] } = turn
  const rows =
    claimExcept.length > 0
      ? sql.readyExcept.all(now, JSON.stringify(claimExcept), room)
      : sql.ready.all(now, room)
  return rows.map((row) => {
    const id = row.delivery_id as number
    const token = newToken()
    sql.claim.run(token, now + leaseMs, id)
    const tries = (row.tries as number) + 1
    const generation = row.generation as number
    const key = (row.key as string | null) ?? undefined
    return { id, function: row.function as string, tries, generation, token, key, event: envelopeOf(row) }
  })
}

function momentOf(runAt: unknown): number | null {
  return typeof runAt !== 'number' || runAt >= heldFloor ? null : runAt
}
