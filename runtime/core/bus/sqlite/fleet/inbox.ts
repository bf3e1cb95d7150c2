import type { DatabaseSync } from 'node:sqlite'
import { storeId } from '../identity.ts'
import type { HubReceipt } from './outbox.ts'

/** How far a hub has taken what a host told, and what it knows of the host. */
export interface HostRow extends HubReceipt {
  host: string
  /** Numbers that neither the host nor the broker has any more: told to a hub whose store was lost since. */
  missing: number
  /** By the clock of the hub, in milliseconds since the epoch. */
  heardAt: number
  /** What the host said of itself last. */
  about: unknown
  /** What its events make of it. */
  state: unknown
}

/** Which message of the broker's stream was taken last, and by what it is known again. */
export interface Position {
  /** Its number in the stream. */
  seq: number
  /** Tells it from another message under the same number. */
  mark: string
}

/** Whether the hub of this store acts, or which other one does. */
export interface HubRole {
  isActive: boolean
  /** The machine of the one that acts; null while none is known. */
  active: string | null
  /** ISO 8601. */
  since: string
  /** The others, as this one has seen them last; a hub of an older hdsync has looked for none. */
  others?: OtherHub[]
}

/** Another hub of the fleet. `heardAt`: when it said last that it is there, before this was written; ISO 8601. */
export interface OtherHub {
  hub: string
  heardAt: string
  isGone: boolean
}

/** A host that is put back to older copies leaves some; one that invents them must not fill the store. */
const mostEpochs = 20

/** What a hub keeps of its hosts, in the file of the bus. All of it is written in the caller's transaction. */
export class Inbox {
  readonly #database: DatabaseSync
  #prepared: ReturnType<typeof statementsOf> | undefined

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** What this store is called by no other one, but by copies of it. */
  get store(): string {
    return storeId(this.#database)
  }

  hosts(): HostRow[] {
    return this.#sql.hosts.all().map(hostOf)
  }

  host(name: string): HostRow | undefined {
    const row = this.#sql.host.get(name)
    return row && hostOf(row)
  }

  /** Keeps how a host stands; an epoch that it has left is not taken again. */
  keep({ host, epoch, seq, id, missing, heardAt, about, state }: HostRow): void {
    if (this.#sql.leave.run(host, epoch).changes > 0) this.#sql.forget.run(host)
    this.#sql.keep.run(host, epoch, seq, id, missing, heardAt, JSON.stringify(about), JSON.stringify(state))
  }

  /** Whether a host has left this epoch. */
  hasLeft(host: string, epoch: string): boolean {
    return this.#sql.left.get(host, epoch) !== undefined
  }

  get position(): Position | undefined {
    const row = this.#sql.position.get()
    return row && (JSON.parse(row.value as string) as Position)
  }

  set position(position: Position) {
    this.#sql.setPosition.run(JSON.stringify(position))
  }

  /** As it was last; undefined where no hub was at work. */
  get role(): HubRole | undefined {
    const row = this.#sql.role.get()
    return row && (JSON.parse(row.value as string) as HubRole)
  }

  set role(role: HubRole) {
    this.#sql.setRole.run(JSON.stringify(role))
  }

  /** Prepared once, and only where there is a hub. */
  get #sql() {
    this.#prepared ??= statementsOf(this.#database)
    return this.#prepared
  }
}

/** A hub of a thousand hosts takes thousands of events in a row. */
function statementsOf(database: DatabaseSync) {
  return {
    hosts: database.prepare('SELECT * FROM fleet_host ORDER BY host'),
    host: database.prepare('SELECT * FROM fleet_host WHERE host = ?'),
    leave: database.prepare(
      'INSERT OR IGNORE INTO fleet_epoch SELECT host, epoch FROM fleet_host WHERE host = ? AND epoch <> ?',
    ),
    forget: database.prepare(
      `DELETE FROM fleet_epoch WHERE host = ?1 AND epoch IN
        (SELECT epoch FROM fleet_epoch WHERE host = ?1 AND epoch <> coalesce((SELECT epoch FROM fleet_host WHERE host = ?1), '')
         LIMIT -1 OFFSET ${mostEpochs - 1})`,
    ),
    keep: database.prepare('INSERT OR REPLACE INTO fleet_host VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
    left: database.prepare('SELECT 1 FROM fleet_epoch WHERE host = ? AND epoch = ?'),
    position: database.prepare("SELECT value FROM meta WHERE key = 'fleet.position'"),
    setPosition: database.prepare("INSERT OR REPLACE INTO meta VALUES ('fleet.position', ?)"),
    role: database.prepare("SELECT value FROM meta WHERE key = 'fleet.role'"),
    setRole: database.prepare("INSERT OR REPLACE INTO meta VALUES ('fleet.role', ?)"),
  }
}

function hostOf(row: Record<string, unknown>): HostRow {
  return {
    host: row.host as string,
    epoch: row.epoch as string,
    seq: row.seq as number,
    id: row.event_id as string,
    missing: row.missing as number,
    heardAt: row.heard_at as number,
    about: JSON.parse(row.about as string),
    state: JSON.parse(row.state as string),
  }
}
