import { closeSync, openSync, utimesSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { nanoid } from 'nanoid'
import type { Envelope } from '../../../events/index.ts'
import {
  type Delivery,
  type EventBus,
  type EventFilter,
  heldBack,
  type OpenDelivery,
  type Publication,
  type PublishResult,
  type Settlement,
  type Turn,
  type TurnResult,
} from '../bus.ts'
import { inMemory, transaction } from './database.ts'

type Row = Record<string, unknown>

/** Touched by every process that puts something on a bus that it does not dispatch; see `watch`. */
const doorbellFile = 'doorbell'
const leaseRanOut = 'its lease ran out: nobody renewed it in time'

/** The embedded bus: one SQLite file. All its work is synchronous; the promises are the contract's. */
export class SqliteBus implements EventBus {
  readonly #database: DatabaseSync
  readonly #directory: string
  readonly #sql: ReturnType<typeof prepare>

  constructor(database: DatabaseSync, directory: string) {
    this.#database = database
    this.#directory = directory
    this.#sql = prepare(database)
  }

  async publish(publications: readonly Publication[]): Promise<PublishResult> {
    const taken = transaction(this.#database, () => this.#insert(publications))
    this.#ring()
    return { taken }
  }

  async exchange(turn: Turn): Promise<TurnResult> {
    return transaction(this.#database, () => {
      const lease = turn.now + turn.leaseMs
      const renewed = turn.renew.map(({ id, token }) => this.#sql.renew.run(lease, id, token).changes === 1)
      const settled = turn.settle.map((settlement) => this.#settle(settlement))
      this.#expire(turn.now, leaseRanOut, turn.now)
      const claimed: Delivery[] = []
      const { claimExcept = [] } = turn
      const except = claimExcept.length > 0 ? [JSON.stringify(claimExcept)] : []
      const claim = except.length > 0 ? this.#sql.claimExcept : this.#sql.claim
      while (claimed.length < turn.claim) {
        const row = claim.get(nanoid(12), lease, turn.now, ...except)
        if (!row) break
        claimed.push(this.#delivery(row))
      }
      const nextAt = this.#sql.nextAt.get(turn.now)?.run_at as number | undefined
      return { claimed, settled, renewed, nextAt: nextAt === heldBack ? null : (nextAt ?? null) }
    })
  }

  async reclaim(error: string, now: number): Promise<Delivery[]> {
    return transaction(this.#database, () => {
      const orphans = this.#expire(Number.MAX_SAFE_INTEGER, error, now)
      this.#sql.hastenSet.run({ now, heldBack })
      return orphans.map((row) => this.#delivery(row))
    })
  }

  async hasten(byMs: number): Promise<void> {
    this.#sql.hasten.run(byMs, heldBack)
  }

  async expedite(runId: string, except: readonly string[] = []): Promise<void> {
    this.#sql.expedite.run(runId, JSON.stringify(except))
  }

  async redrive(id: number): Promise<boolean> {
    const { changes } = this.#sql.redrive.run(id)
    this.#ring()
    return changes === 1
  }

  async replace(ids: readonly number[], publication: Publication): Promise<boolean> {
    const replaced = transaction(this.#database, () => {
      const dead = ids.every((id) => this.#sql.isDead.get(id))
      if (!dead) return false
      const { runid, id: eventId } = publication.event
      for (const id of ids) this.#sql.replace.run(runid ?? eventId, id)
      this.#insert([publication])
      return true
    })
    this.#ring()
    return replaced
  }

  async holdBack(runId: string): Promise<void> {
    this.#sql.holdBack.run(heldBack, runId)
  }

  async withdraw(runId: string, publications: readonly Publication[]): Promise<boolean> {
    const withdrawn = transaction(this.#database, () => {
      const open = this.open(runId)
      if (open.length === 0 || open.some(({ runAt, tries }) => runAt !== heldBack || tries > 0)) return false
      this.#sql.withdraw.run(runId)
      this.#insert(publications)
      return true
    })
    this.#ring()
    return withdrawn
  }

  heldRun(): string | undefined {
    return this.#sql.heldRun.get(heldBack)?.run_id as string | undefined
  }

  find(source: string, id: string): Envelope | undefined {
    const row = this.#sql.find.get(source, id)
    return row && envelopeOf(row)
  }

  /**
   * Another process's commit is told by its touching a file in the state directory, which costs nothing
   * while nothing happens. Where files cannot be watched, the store's change counter is read instead.
   */
  watch(listener: () => void): () => void {
    if (this.#directory === inMemory) return () => {}
    const path = join(this.#directory, doorbellFile)
    closeSync(openSync(path, 'a', 0o600))
    try {
      const watcher = watch(path, { persistent: false }, listener)
      watcher.on('error', () => {})
      return () => watcher.close()
    } catch {
      const counter = this.#database.prepare('PRAGMA data_version')
      let before = counter.get()?.data_version
      const timer = setInterval(() => {
        const now = counter.get()?.data_version
        if (now !== before) listener()
        before = now
      }, 40).unref()
      return () => clearInterval(timer)
    }
  }

  open(runId?: string): OpenDelivery[] {
    const rows = runId === undefined ? this.#sql.open.all() : this.#sql.openOfRun.all(runId)
    return rows.map((row) => ({
      id: row.id as number,
      function: row.function as string,
      eventId: row.event_id as string,
      state: row.state as 'ready' | 'claimed',
      tries: row.tries as number,
      runAt: row.run_at as number,
    }))
  }

  events(filter: EventFilter): Envelope[] {
    const where: string[] = []
    const values: (string | number)[] = []
    if (filter.runId !== undefined) {
      where.push('run_id = ?')
      values.push(filter.runId)
    }
    if (filter.subject !== undefined) {
      where.push('subject = ?')
      values.push(filter.subject)
    }
    if (filter.types) {
      where.push(`type IN (${filter.types.map(() => '?').join(', ')})`)
      values.push(...filter.types)
    }
    const sql = `SELECT * FROM event ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''}
      ORDER BY seq ${filter.newestFirst ? 'DESC' : 'ASC'} LIMIT ?`
    return this.#database
      .prepare(sql)
      .all(...values, filter.limit ?? -1)
      .map(envelopeOf)
  }

  close(): void {
    this.#database.close()
  }

  /** @returns For each event whether it was taken. */
  #insert(publications: readonly Publication[]): boolean[] {
    return publications.map(({ event, deliveries }) => {
      const { changes, lastInsertRowid } = this.#sql.event.run(
        event.id,
        event.source,
        event.type,
        event.subject ?? null,
        event.time,
        event.runid ?? null,
        event.attempt,
        event.parentid ?? null,
        event.traceparent ?? null,
        JSON.stringify(event.data ?? null),
      )
      if (changes === 0) return false
      for (const delivery of deliveries) {
        this.#sql.delivery.run(lastInsertRowid, delivery.function, delivery.key ?? null, delivery.runAt)
      }
      return true
    })
  }

  /** The fence comes first: a settlement whose token is no longer in force must leave no trace. */
  #settle(settlement: Settlement): boolean {
    const { delivery, attempt, outcome } = settlement
    const retry = outcome === 'retry'
    const { changes } = this.#sql.settle.run(
      retry ? 'ready' : outcome,
      retry ? settlement.runAt : null,
      delivery.id,
      delivery.token,
    )
    if (changes === 0) return false
    const { startedAt, endedAt, error } = attempt
    this.#sql.attempt.run(delivery.tries, startedAt, endedAt, error ?? null, delivery.id)
    if (!retry) this.#insert(settlement.publications)
    return true
  }

  /** Takes back what has been claimed and not renewed. @returns It, as it was. */
  #expire(until: number, error: string, now: number): Row[] {
    const lapsed = this.#sql.lapsed.all(until)
    for (const { id, tries } of lapsed as { id: number; tries: number }[]) {
      this.#sql.attempt.run(tries, now, now, error, id)
      this.#sql.expire.run(id)
    }
    return lapsed
  }

  #delivery(row: Row): Delivery {
    const event = this.#sql.eventBySeq.get(row.event_seq as number) as Row
    return {
      id: row.id as number,
      function: row.function as string,
      tries: row.tries as number,
      generation: row.generation as number,
      token: row.token as string,
      event: envelopeOf(event),
    }
  }

  #ring(): void {
    try {
      const now = new Date()
      utimesSync(join(this.#directory, doorbellFile), now, now)
    } catch {
      // Nobody has ever watched this store.
    }
  }
}

/** The columns of an event as its envelope. */
export function envelopeOf(row: Row): Envelope {
  const optional = {
    subject: row.subject,
    runid: row.run_id,
    parentid: row.parent_id,
    traceparent: row.traceparent,
  }
  return {
    specversion: '1.0',
    id: row.id as string,
    source: row.source as string,
    type: row.type as string,
    time: row.time as string,
    datacontenttype: 'application/json',
    attempt: row.attempt as number,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)),
    data: JSON.parse(row.data as string),
  }
}

function prepare(database: DatabaseSync) {
  const all = {
    event: `INSERT INTO event (id, source, type, subject, time, run_id, attempt, parent_id, traceparent, data)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, id) DO NOTHING`,
    delivery: `INSERT INTO delivery (event_seq, function, key, run_at, state) VALUES (?, ?, ?, ?, 'ready')`,
    eventBySeq: `SELECT * FROM event WHERE seq = ?`,
    attempt: `INSERT INTO attempt SELECT id, earlier_tries + ?, ?, ?, ? FROM delivery WHERE id = ?`,
    renew: `UPDATE delivery SET lease_until = ? WHERE id = ? AND token = ? AND state = 'claimed'`,
    settle: `UPDATE delivery SET state = ?, run_at = coalesce(?, run_at), token = NULL, lease_until = NULL
      WHERE id = ? AND token = ? AND state = 'claimed'`,
    lapsed: `SELECT * FROM delivery WHERE state = 'claimed' AND lease_until <= ? ORDER BY id`,
    expire: `UPDATE delivery SET state = 'ready', token = NULL, lease_until = NULL WHERE id = ?`,
    hasten: `UPDATE delivery SET run_at = run_at - ? WHERE state = 'ready' AND run_at > 0 AND run_at < ?`,
    // Its delay began with its last try, or with its event: later than now only by a clock that has been set back.
    hastenSet: `UPDATE delivery SET run_at = run_at - (begun.at - :now)
      FROM (SELECT d.id, max(CAST(round(unixepoch(e.time, 'subsec') * 1000) AS INTEGER),
          coalesce((SELECT max(ended_at) FROM attempt a WHERE a.delivery_id = d.id), 0)) AS at
        FROM delivery d JOIN event e ON e.seq = d.event_seq
        WHERE d.state = 'ready' AND d.run_at > :now AND d.run_at < :heldBack) AS begun
      WHERE delivery.id = begun.id AND begun.at > :now`,
    claim: claimSql(''),
    claimExcept: claimSql('AND function NOT IN (SELECT value FROM json_each(?))'),
    nextAt: `SELECT run_at FROM delivery WHERE state = 'ready' AND run_at > ? ORDER BY run_at LIMIT 1`,
    expedite: `UPDATE delivery SET run_at = 0 WHERE state = 'ready'
      AND event_seq IN (SELECT seq FROM event WHERE run_id = ?)
      AND function NOT IN (SELECT value FROM json_each(?))`,
    redrive: `UPDATE delivery SET state = 'ready', run_at = 0, generation = generation + 1,
        earlier_tries = earlier_tries + tries, tries = 0
      WHERE id = ? AND state = 'dead' AND replaced_by IS NULL`,
    isDead: `SELECT 1 FROM delivery WHERE id = ? AND state = 'dead' AND replaced_by IS NULL`,
    replace: `UPDATE delivery SET replaced_by = ? WHERE id = ?`,
    holdBack: `UPDATE delivery SET run_at = ? WHERE state = 'ready'
      AND event_seq IN (SELECT seq FROM event WHERE run_id = ?)`,
    withdraw: `UPDATE delivery SET state = 'cancelled' WHERE state = 'ready'
      AND event_seq IN (SELECT seq FROM event WHERE run_id = ?)`,
    heldRun: `SELECT e.run_id FROM delivery d JOIN event e ON e.seq = d.event_seq
      WHERE d.state = 'ready' AND d.run_at = ? AND e.run_id IS NOT NULL ORDER BY d.id LIMIT 1`,
    find: `SELECT * FROM event WHERE source = ? AND id = ?`,
    open: `SELECT d.*, e.id AS event_id FROM delivery d JOIN event e ON e.seq = d.event_seq
      WHERE d.state IN ('ready', 'claimed') ORDER BY d.id`,
    openOfRun: `SELECT d.*, e.id AS event_id FROM event e JOIN delivery d ON d.event_seq = e.seq
      WHERE e.run_id = ? AND d.state IN ('ready', 'claimed') ORDER BY d.id`,
  }
  return Object.fromEntries(
    Object.entries(all).map(([name, sql]) => [name, database.prepare(sql)]),
  ) as unknown as Record<keyof typeof all, ReturnType<DatabaseSync['prepare']>>
}

/** @param also What else a delivery has to be to be claimed. */
function claimSql(also: string): string {
  return `UPDATE delivery SET state = 'claimed', tries = tries + 1, token = ?, lease_until = ?
    WHERE id = (
      SELECT id FROM delivery AS d WHERE state = 'ready' AND run_at <= ?
        AND (key IS NULL OR NOT EXISTS (
          SELECT 1 FROM delivery AS e WHERE e.function = d.function AND e.key = d.key AND e.id < d.id
            AND e.key IS NOT NULL AND e.state IN ('ready', 'claimed')))
        -- What is in hand is little: the signs keep SQLite from going through all that has the key.
        AND (key IS NULL OR generation = 0 OR NOT EXISTS (
          SELECT 1 FROM delivery AS e WHERE +e.function = d.function AND +e.key = d.key AND e.state = 'claimed'))
        ${also}
      ORDER BY run_at, id LIMIT 1)
    RETURNING *`
}
