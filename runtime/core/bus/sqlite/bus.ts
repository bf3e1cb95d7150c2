import { closeSync, openSync, utimesSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Envelope } from '../../../../events/envelope.ts'
import {
  type Delivery,
  type EventBus,
  type EventFilter,
  heldBack,
  heldFloor,
  heldUntil,
  lanes,
  type OpenDelivery,
  type Publication,
  type PublishResult,
  type Turn,
  type TurnResult,
} from '../bus.ts'
import { inMemory } from './database.ts'
import { watchFiles } from './health.ts'
import { dataText, envelopeOf, type Row } from './rows.ts'
import { behind, prepareStatements, type Statements } from './statements.ts'
import { transaction } from './transaction.ts'
import { expire, insert, moveAllUp, takeTurn } from './turn/turn.ts'

/** Touched by every process that puts something on a bus that it does not dispatch; see `watch`. */
const doorbellFile = 'doorbell'

/** The embedded bus: one SQLite file. All its work is synchronous; the promises are the contract's. */
export class SqliteBus implements EventBus {
  readonly #database: DatabaseSync
  /** Prepared, by their text: there are as many as there are kinds of questions. */
  readonly #searches = new Map<string, StatementSync>()
  readonly #directory: string
  readonly #sql: Statements
  readonly #lost: () => Error | undefined

  constructor(database: DatabaseSync, directory: string) {
    this.#database = database
    this.#directory = directory
    this.#sql = prepareStatements(database)
    this.#lost = directory === inMemory ? () => undefined : watchFiles(directory)
  }

  async publish(publications: readonly Publication[]): Promise<PublishResult> {
    const taken = this.#kept(() => insert(this.#sql, publications))
    this.#ring()
    return { taken }
  }

  /**
   * As `publish`, of what is decided in the same transaction, with what else that writes to the store. Safe to repeat: when it throws,
   * nothing was written.
   * @returns Those that were taken: the others were there already.
   */
  publishWith(decide: () => readonly Publication[]): Publication[] {
    const taken = this.#kept(() => {
      const publications = decide()
      const isTaken = insert(this.#sql, publications)
      return publications.filter((_, index) => isTaken[index])
    })
    this.#ring()
    return taken
  }

  async exchange(turn: Turn): Promise<TurnResult> {
    return this.#kept(() => takeTurn(this.#sql, turn))
  }

  async reclaim(error: string, now: number): Promise<Delivery[]> {
    return transaction(this.#database, () => {
      moveAllUp(this.#sql)
      const orphans = expire(this.#sql, Number.MAX_SAFE_INTEGER, error, now)
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
    const redriven = transaction(this.#database, () => {
      this.#sql.keepTry.run(id)
      return this.#sql.redrive.run(id).changes === 1
    })
    this.#ring()
    return redriven
  }

  async replace(ids: readonly number[], publication: Publication): Promise<boolean> {
    const replaced = transaction(this.#database, () => {
      const dead = ids.every((id) => this.#sql.isDead.get(id))
      if (!dead) return false
      const { runid, id: eventId } = publication.event
      for (const id of ids) this.#sql.replace.run(runid ?? eventId, id)
      insert(this.#sql, [publication])
      return true
    })
    this.#ring()
    return replaced
  }

  async holdBack(runId: string, until?: number): Promise<void> {
    this.#sql.holdBack.run(until === undefined ? heldBack : heldUntil(until), runId)
  }

  async withdraw(runId: string, publications: readonly Publication[]): Promise<boolean> {
    const withdrawn = transaction(this.#database, () => {
      const open = this.open(runId)
      if (open.length === 0 || open.some(({ runAt, tries }) => runAt < heldFloor || tries > 0)) return false
      this.#sql.withdraw.run(runId)
      moveAllUp(this.#sql)
      insert(this.#sql, publications)
      return true
    })
    this.#ring()
    return withdrawn
  }

  async revoke(
    runId: string,
    reason: string,
    now: number,
    { begun = false, publish = [] }: { begun?: boolean; publish?: readonly Publication[] } = {},
  ): Promise<boolean> {
    return transaction(this.#database, () => {
      const { owed, tried } = this.#sql.owed.get(runId) as { owed: number; tried: number }
      if (owed === 0 || (tried > 0 && !begun)) return false
      this.#sql.revoke.run(now, reason, runId)
      moveAllUp(this.#sql)
      insert(this.#sql, publish)
      return true
    })
  }

  ripen(now: number): number | undefined {
    const moment = () => this.#sql.ripensNext.get(heldFloor, heldBack)?.run_at as number | undefined
    const next = moment()
    if (next === undefined) return undefined
    if (next > heldUntil(now)) return next - heldFloor
    this.#sql.ripen.run(heldBack, heldFloor, heldUntil(now))
    const later = moment()
    return later === undefined ? undefined : later - heldFloor
  }

  heldRun(): string | undefined {
    return this.#sql.heldRun.get(heldBack)?.run_id as string | undefined
  }

  heldRuns(): string[] {
    return this.#sql.heldRuns.all(heldFloor).map((row) => row.run_id as string)
  }

  heldLike({ type, data }: Pick<Envelope, 'type' | 'data'>): string | undefined {
    return this.#sql.heldLike.get(heldBack, type, dataText(data))?.run_id as string | undefined
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
    if (filter.since !== undefined) {
      where.push('time >= ?')
      values.push(filter.since)
    }
    const order = filter.newestFirst ? 'DESC' : 'ASC'
    // Which ones they are the indexes tell: the events themselves are not read to be sorted.
    const sql = `SELECT * FROM event WHERE seq IN (
        SELECT seq FROM logged ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY seq ${order} LIMIT ?)
      ORDER BY seq ${order}`
    const known = this.#searches.get(sql)
    const search = known ?? this.#database.prepare(sql)
    if (!known) this.#searches.set(sql, search)
    return search.all(...values, filter.limit ?? -1).map(envelopeOf)
  }

  lost(): Error | undefined {
    return this.#lost()
  }

  close(): void {
    this.#database.close()
  }

  /** One transaction, answered for only when it has been written where the next start will look for it. */
  #kept<T>(body: () => T): T {
    const result = transaction(this.#database, body)
    const lost = this.#lost()
    if (lost) throw lost
    return result
  }

  #delivery(row: Row): Delivery {
    const event = this.#sql.eventBySeq.get(row.event_seq as number) as Row
    return {
      id: row.id as number,
      function: row.function as string,
      tries: row.tries as number,
      generation: row.generation as number,
      token: row.token as string,
      lane: lanes[(row.lane as number) % behind] ?? 'chain',
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
