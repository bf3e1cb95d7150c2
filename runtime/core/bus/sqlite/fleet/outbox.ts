import type { DatabaseSync } from 'node:sqlite'
import { nanoid } from 'nanoid'
import { transaction } from '../transaction.ts'

/** An event as a host tells its hub of it. */
export interface ToldEvent {
  id: string
  type: string
  /** ISO 8601, by the clock of the host. */
  time: string
  run: string | null
  data: unknown
}

/** An event that the hub has not confirmed. */
export interface OutboxRow {
  seq: number
  /** The id of the event before it; empty for the first of an epoch. */
  previous: string
  event: ToldEvent
}

/** How far the hub has come: it has committed everything up to `seq`, which is the event `id`. */
export interface HubReceipt {
  epoch: string
  seq: number
  id: string
}

/** How far the hub has confirmed. */
interface Released {
  seq: number
  id: string
}

/** What came of a receipt. `renewed`: everything that waits has other numbers, in another epoch. */
export type Release = 'released' | 'nothing' | 'renewed'

const nothingReleased: Released = { seq: 0, id: '' }

/**
 * What a host has to tell its hub. A trigger writes a row in the transaction that puts an event on the bus, whichever process does.
 * Only a receipt of the hub removes rows.
 */
export class Outbox {
  readonly #database: DatabaseSync
  readonly #sql: ReturnType<typeof statementsOf>
  #epoch: string
  #released: Released

  /** @param types The events that the hub is told of. */
  constructor(database: DatabaseSync, types: readonly string[]) {
    this.#database = database
    this.#sql = statementsOf(database)
    this.#epoch = this.#meta('fleet.epoch') ?? this.#newEpoch()
    const released = this.#meta('fleet.released')
    this.#released = released === undefined ? nothingReleased : (JSON.parse(released) as Released)
    tellHubOf(database, types)
  }

  /** Random, and another one for each state directory: numbers of one that was lost or put back are not taken for those of this one. */
  get epoch(): string {
    return this.#epoch
  }

  /** The number up to which the hub has confirmed. */
  get released(): number {
    return this.#released.seq
  }

  /** How many events wait for the hub's receipt, and since when (ISO 8601) the oldest does. */
  waiting(): { count: number; since: string | null } {
    return waitingOf(this.#sql.waiting.get())
  }

  /** Events after a number, in their order. */
  after(seq: number, limit: number): OutboxRow[] {
    const { seq: released, id } = this.#released
    let previous = seq <= released ? id : (this.#idOf(seq) ?? '')
    return this.#sql.after.all(seq, limit).map((row) => {
      const one = { seq: row.seq as number, previous, event: JSON.parse(row.event as string) as ToldEvent }
      previous = one.event.id
      return one
    })
  }

  /**
   * Removes what the hub has confirmed. A receipt for another event under the same number tells that this store was put back to an
   * older copy: what waits is numbered anew, in a new epoch.
   */
  release({ epoch, seq, id }: HubReceipt): Release {
    if (epoch !== this.#epoch) return 'nothing'
    const { seq: upTo, id: last } = this.#released
    // The hub was put back to an older copy itself, and is reading on.
    if (seq < upTo) return 'nothing'
    const known = seq === upTo ? last : this.#idOf(seq)
    if (known !== id) return this.renew()
    if (seq === upTo) return 'nothing'
    transaction(this.#database, () => {
      this.#sql.release.run(seq)
      this.#keep('fleet.released', JSON.stringify({ seq, id }))
    })
    this.#released = { seq, id }
    return 'released'
  }

  /** Numbers what waits anew, in a new epoch: the hub takes the present one no more. */
  renew(): Release {
    this.#epoch = transaction(this.#database, () => {
      const rows = this.#database.prepare('SELECT event FROM outbox ORDER BY seq').all()
      this.#database.exec('DELETE FROM outbox')
      const insert = this.#database.prepare('INSERT INTO outbox VALUES (?, ?)')
      for (const [index, { event }] of rows.entries()) insert.run(index + 1, event as string)
      this.#keep('fleet.released', JSON.stringify(nothingReleased))
      return this.#newEpoch()
    })
    this.#released = nothingReleased
    return 'renewed'
  }

  #idOf(seq: number): string | undefined {
    return this.#sql.idOf.get(seq)?.id as string | undefined
  }

  #newEpoch(): string {
    const epoch = nanoid(16)
    this.#keep('fleet.epoch', epoch)
    return epoch
  }

  #meta(key: string): string | undefined {
    return this.#sql.meta.get(key)?.value as string | undefined
  }

  #keep(key: string, value: string): void {
    this.#sql.keep.run(key, value)
  }
}

function statementsOf(database: DatabaseSync) {
  return {
    meta: database.prepare('SELECT value FROM meta WHERE key = ?'),
    keep: database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)'),
    after: database.prepare('SELECT seq, event FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?'),
    idOf: database.prepare("SELECT event ->> '$.id' AS id FROM outbox WHERE seq = ?"),
    release: database.prepare('DELETE FROM outbox WHERE seq <= ?'),
    waiting: database.prepare(waitingSql),
  }
}

const waitingSql =
  "SELECT count(*) AS count, (SELECT event ->> '$.time' FROM outbox ORDER BY seq LIMIT 1) AS since FROM outbox"

function waitingOf(row: Record<string, unknown> | undefined): { count: number; since: string | null } {
  return { count: (row?.count ?? 0) as number, since: (row?.since ?? null) as string | null }
}

/** As {@link Outbox.waiting}, for who only reads. */
export function waitingIn(database: DatabaseSync): { count: number; since: string | null } {
  return waitingOf(database.prepare(waitingSql).get())
}

/**
 * Has each event of some types put into the outbox, by all processes that write to this store, from now on; no types, no outbox. Safe to
 * repeat: writes nothing where that is so already.
 */
export function tellHubOf(database: DatabaseSync, types: readonly string[]): void {
  const wanted = types.length > 0 ? triggerSql(types) : undefined
  const present = database
    .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?")
    .get(triggerName)?.sql
  if (present === wanted) return
  transaction(database, () => {
    database.exec(`DROP TRIGGER IF EXISTS ${triggerName}`)
    if (wanted !== undefined) database.exec(wanted)
  })
}

const triggerName = 'told_to_hub'

/** Part of the file: what another process writes beside this one (`hdsync emit`, `hdsync cancel`) is told as well. */
function triggerSql(types: readonly string[]): string {
  const list = types.map((type) => `'${type.replaceAll("'", "''")}'`).join(', ')
  return `CREATE TRIGGER ${triggerName} AFTER INSERT ON event WHEN NEW.type IN (${list}) BEGIN
    INSERT INTO outbox SELECT
      1 + max(coalesce((SELECT max(seq) FROM outbox), 0),
        coalesce((SELECT value ->> '$.seq' FROM meta WHERE key = 'fleet.released'), 0)),
      json_object('id', NEW.id, 'type', NEW.type, 'time', NEW.time, 'run', NEW.run_id, 'data', json(NEW.data));
  END`
}
