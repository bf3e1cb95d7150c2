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
import { prepareStatements, type Statements } from './statements.ts'

type Row = Record<string, unknown>

/** Touched by every process that puts something on a bus that it does not dispatch; see `watch`. */
const doorbellFile = 'doorbell'
const leaseRanOut = 'its lease ran out: nobody renewed it in time'

/** The embedded bus: one SQLite file. All its work is synchronous; the promises are the contract's. */
export class SqliteBus implements EventBus {
  readonly #database: DatabaseSync
  readonly #directory: string
  readonly #sql: Statements

  constructor(database: DatabaseSync, directory: string) {
    this.#database = database
    this.#directory = directory
    this.#sql = prepareStatements(database)
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
      const taken = this.#insert(turn.publish ?? [])
      this.#expire(turn.now, leaseRanOut, turn.now)
      const claimed = turn.claim > 0 ? this.#claim(turn, lease) : []
      const nextAt = this.#sql.nextAt.get(turn.now)?.run_at as number | undefined
      return { claimed, settled, renewed, taken, nextAt: nextAt === heldBack ? null : (nextAt ?? null) }
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

  #claim({ now, claim, claimExcept = [] }: Turn, lease: number): Delivery[] {
    const rows =
      claimExcept.length > 0
        ? this.#sql.readyExcept.all(now, JSON.stringify(claimExcept), claim)
        : this.#sql.ready.all(now, claim)
    return rows.map((row) => {
      const id = row.delivery_id as number
      const token = nanoid(12)
      this.#sql.claim.run(token, lease, id)
      return {
        id,
        function: row.function as string,
        tries: (row.tries as number) + 1,
        generation: row.generation as number,
        token,
        event: envelopeOf(row),
      }
    })
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
  const envelope: Envelope = {
    specversion: '1.0',
    id: row.id as string,
    source: row.source as string,
    type: row.type as string,
    time: row.time as string,
    datacontenttype: 'application/json',
    attempt: row.attempt as number,
    data: JSON.parse(row.data as string),
  }
  if (row.subject !== null) envelope.subject = row.subject as string
  if (row.run_id !== null) envelope.runid = row.run_id as string
  if (row.parent_id !== null) envelope.parentid = row.parent_id as string
  if (row.traceparent !== null) envelope.traceparent = row.traceparent as string
  return envelope
}
