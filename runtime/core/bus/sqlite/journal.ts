import type { DatabaseSync } from 'node:sqlite'
import { isoOf } from '../../../instant.ts'
import type {
  CommandEnd,
  CommandStart,
  DeadLetter,
  EventSearch,
  Journal,
  LoggedEvent,
  LogLine,
  Pruned,
  Queue,
  RunRow,
  Said,
  SaidSearch,
  Story,
  StoryDelivery,
  Tally,
} from '../journal.ts'
import { conditionsOf } from './event-search.ts'
import { type JournalEvent, type JournalTypes, journalTypes } from './keeping.ts'
import { readQueues } from './queues.ts'
import { envelopeOf, type Row } from './rows.ts'
import { RunTable } from './runs.ts'
import { isFunctionKnown, readSaid } from './said.ts'
import { deliveriesOfRun, isOf, marksOf, statements } from './statements.ts'
import { transaction } from './transaction.ts'
import { file } from './turn/turn.ts'

/** What one call of `prune` looks at, so that it takes no time. */
const runsAtOnce = 200
const eventsLookedAt = 2000

/** Two runs witness a time that lie so far apart: one night and the next do. */
const apartMs = 12 * 3_600_000

/** A longer pause between two runs may be a clock that was set: no more of it counts. */
const longestPauseMs = 8 * 86_400_000

/** The journal, in the same file as the bus: an attempt is recorded in the transaction that settles it. */
export class SqliteJournal implements Journal {
  readonly #database: DatabaseSync
  readonly #types: JournalTypes
  readonly #runs: RunTable
  /** The number of the event up to which what belongs to no backup has been pruned. */
  #lookedAt = 0

  constructor(database: DatabaseSync, catalogue: ReadonlyMap<string, JournalEvent>) {
    this.#database = database
    this.#types = journalTypes(catalogue)
    this.#runs = new RunTable(database, this.#types)
  }

  get #file() {
    return {
      file: this.#database.prepare(statements.file),
      filed: this.#database.prepare(statements.filed),
    }
  }

  commandStarted({ deliveryId, try: number, argv, startedAt }: CommandStart): number {
    return this.#unflushed(() => {
      const { lastInsertRowid } = this.#database
        .prepare('INSERT INTO command (delivery_id, try, argv, started_at) VALUES (?, ?, ?, ?)')
        .run(deliveryId, number, JSON.stringify(argv), startedAt)
      return Number(lastInsertRowid)
    })
  }

  commandEnded(id: number, { durationMs, exitCode, signal, stderr }: CommandEnd): void {
    this.#unflushed(() =>
      this.#database
        .prepare('UPDATE command SET duration_ms = ?, exit_code = ?, signal = ?, stderr = ? WHERE id = ?')
        .run(durationMs, exitCode, signal ?? null, stderr, id),
    )
  }

  log({ deliveryId, at, level, message }: LogLine): void {
    this.#unflushed(() =>
      this.#database
        .prepare('INSERT INTO log (delivery_id, at, level, message) VALUES (?, ?, ?, ?)')
        .run(deliveryId, at, level, message),
    )
  }

  /**
   * What only people read is on the disk with the next event at the latest: a kill loses none of it, a power cut the lines
   * since the last event. Flushed one by one, a night would wait for the disk some sixty times more.
   */
  #unflushed<T>(write: () => T): T {
    this.#database.exec('PRAGMA synchronous = NORMAL')
    try {
      return write()
    } finally {
      this.#database.exec('PRAGMA synchronous = FULL')
    }
  }

  runs(limit: number, kind?: string): RunRow[] {
    return this.#runs.newest(limit, kind)
  }

  unended(among = -1): string[] {
    const { starts, ends } = this.#types
    const isEnded = `EXISTS (SELECT 1 FROM logged AS e WHERE e.run_id = s.run_id AND e.type IN (${marksOf(ends)}))`
    const all = `s.run_id IN (SELECT run_id FROM logged WHERE type IN (${marksOf(ends)}) AND run_id IS NOT NULL)`
    return this.#database
      .prepare(
        `SELECT run_id FROM event AS s WHERE run_id IS NOT NULL AND NOT ${among < 0 ? all : isEnded}
          AND seq IN (SELECT seq FROM logged WHERE type IN (${marksOf(starts)}) ORDER BY seq DESC LIMIT ?)
        ORDER BY seq DESC`,
      )
      .all(...ends, ...starts, among)
      .map((row) => row.run_id as string)
  }

  run(id: string): RunRow | undefined {
    return id === 'last' ? this.runs(1)[0] : this.#runs.find(id)
  }

  tallies(runId: string): Tally[] {
    return this.#runs.tallies(runId)
  }

  witnessedAt(): number | undefined {
    const ends = `FROM logged WHERE type IN (${marksOf(this.#types.ends)})`
    const newest = this.#database
      .prepare(`SELECT time ${ends} ORDER BY seq DESC LIMIT 1`)
      .get(...this.#types.ends)
    if (!newest) return undefined
    const apart = isoOf(Date.parse(newest.time as string) - apartMs)
    const witness = this.#database
      .prepare(`SELECT max(time) AS time ${ends} AND time <= ?`)
      .get(...this.#types.ends, apart)
    return typeof witness?.time === 'string' ? Date.parse(witness.time) : undefined
  }

  horizon(keepMs: number): number | undefined {
    const witnessed = this.witnessedAt()
    if (witnessed === undefined) return undefined
    const ends = this.#database
      .prepare(`SELECT time FROM logged WHERE type IN (${marksOf(this.#types.ends)}) ORDER BY seq DESC`)
      .iterate(...this.#types.ends)
    let [leftMs, later] = [keepMs, Number.NaN]
    for (const { time } of ends) {
      const ended = Date.parse(time as string)
      const pauseMs = Math.max(0, Math.min(longestPauseMs, later - ended || 0))
      if (pauseMs > leftMs) break
      leftMs -= pauseMs
      later = ended
    }
    return Math.min(witnessed - keepMs, later - leftMs)
  }

  prune(before: number): Pruned {
    const until = isoOf(before)
    // What is looked for here is looked for again and again.
    transaction(this.#database, () => file(this.#file))
    this.#database.prepare('DELETE FROM started WHERE at < ?').run(before)
    const runs = this.#endedRuns(until)
    const { strays, isOver } = this.#strays(until)
    const events = [...this.#eventsOf(runs), ...strays]
    const pruned = { events: events.length, more: runs.length === runsAtOnce || !isOver }
    if (events.length === 0) return pruned
    const these = JSON.stringify(events)
    transaction(this.#database, () => {
      const deliveries = `SELECT d.id FROM json_each(?) AS old CROSS JOIN delivery AS d ON ${isOf('d', 'old.value')}`
      for (const table of ['command', 'log', 'attempt', 'once']) {
        this.#database.prepare(`DELETE FROM ${table} WHERE delivery_id IN (${deliveries})`).run(these)
      }
      const listed = '(SELECT value FROM json_each(?))'
      this.#database.prepare(`DELETE FROM delivery WHERE id IN (${deliveries})`).run(these)
      this.#database
        .prepare(`DELETE FROM event WHERE seq IN ${listed} AND type NOT IN (${marksOf(this.#types.forever)})`)
        .run(these, ...this.#types.forever)
      // Were the newest one gone, its number would be given to another.
      this.#file.filed.run()
    })
    this.#database.exec('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)')
    return pruned
  }

  story(runId: string): Story {
    const rows = (sql: string) => this.#database.prepare(sql).all(runId)
    const attempts = group(
      rows(`SELECT * FROM try WHERE delivery_id IN (${deliveriesOfRun}) AND number > 0 ORDER BY number`),
    )
    const commands = group(
      rows(`SELECT * FROM command WHERE delivery_id IN (${deliveriesOfRun}) ORDER BY id`),
    )
    const logs = group(rows(`SELECT * FROM log WHERE delivery_id IN (${deliveriesOfRun}) ORDER BY id`))
    const deliveries = Map.groupBy(
      rows(`SELECT * FROM delivery WHERE id IN (${deliveriesOfRun}) ORDER BY id`),
      (row) => row.event_seq,
    )
    const delivery = (row: Row): StoryDelivery => ({
      id: row.id as number,
      function: row.function as string,
      state: row.state as StoryDelivery['state'],
      attempts: (attempts.get(row.id) ?? []).map((attempt) => ({
        number: attempt.number as number,
        startedAt: (attempt.started_at ?? attempt.ended_at) as number,
        endedAt: attempt.ended_at as number,
        error: attempt.error as string | null,
      })),
      commands: (commands.get(row.id) ?? []).map(commandOf),
      log: (logs.get(row.id) ?? []).map(logOf),
      ...(row.replaced_by !== null && { replacedBy: row.replaced_by as string }),
    })
    return {
      events: rows('SELECT * FROM logged WHERE run_id = ? ORDER BY seq').map((row) => ({
        event: envelopeOf(row),
        deliveries: (deliveries.get(row.seq as never) ?? []).map(delivery),
      })),
    }
  }

  dead(): DeadLetter[] {
    return this.#database
      .prepare(
        `SELECT e.*, d.id AS delivery_id, d.function, d.earlier_tries + d.tries AS all_tries, d.ended_at, d.error
        FROM delivery d JOIN event e ON e.seq = d.event_seq
        WHERE d.state = 'dead' AND d.replaced_by IS NULL ORDER BY d.ended_at DESC, d.id DESC`,
      )
      .all()
      .map((row) => ({
        id: row.delivery_id as number,
        function: row.function as string,
        event: envelopeOf(row),
        tries: row.all_tries as number,
        diedAt: (row.ended_at as number | null) ?? Date.parse(row.time as string),
        error: (row.error as string | null) ?? '',
      }))
  }

  said(search: SaidSearch): Said[] {
    return readSaid(this.#database, search)
  }

  knowsFunction(name: string): boolean {
    return isFunctionKnown(this.#database, name)
  }

  queues(now: number, open?: 'open'): Queue[] {
    return readQueues(this.#database, now, open === 'open')
  }

  search(search: EventSearch): LoggedEvent[] {
    const { where, values } = conditionsOf(search)
    const order = search.oldest ? 'ASC' : 'DESC'
    return this.#database
      .prepare(
        `SELECT * FROM (SELECT * FROM logged WHERE ${where} ORDER BY seq ${order} LIMIT ?) ORDER BY seq`,
      )
      .all(...values, search.limit ?? -1)
      .map((row) => ({ seq: row.seq as number, event: envelopeOf(row) }))
  }

  changes(): number {
    return this.#database.prepare('PRAGMA data_version').get()?.data_version as number
  }

  /**
   * Runs that ended before a moment and of which nothing is owed, but for the newest run of all and those that events
   * are kept of.
   */
  #endedRuns(until: string): string[] {
    return this.#database
      .prepare(
        `SELECT run_id FROM logged WHERE type IN (${marksOf(this.#types.ends)}) AND time < ?
          AND run_id <> (SELECT run_id FROM logged WHERE type IN (${marksOf(this.#types.starts)}) ORDER BY seq DESC LIMIT 1)
          AND run_id NOT IN (SELECT e.run_id FROM delivery d JOIN event e ON e.seq = d.event_seq
            WHERE (d.state = 'ready' OR d.state = 'claimed') AND e.run_id IS NOT NULL)
          AND run_id NOT IN (SELECT value FROM json_each(?))
        ORDER BY seq LIMIT ${runsAtOnce}`,
      )
      .all(...this.#types.ends, until, ...this.#types.starts, JSON.stringify(this.#keptRuns()))
      .map((row) => row.run_id as string)
  }

  #keptRuns(): string[] {
    return this.#rowsOf(this.#types.keptRuns).map((row) => row.run_id as string)
  }

  #rowsOf(queries: readonly string[]): Row[] {
    return queries.flatMap((sql) => this.#database.prepare(sql).all())
  }

  #eventsOf(runs: readonly string[]): number[] {
    return this.#database
      .prepare('SELECT seq FROM logged WHERE run_id IN (SELECT value FROM json_each(?))')
      .all(JSON.stringify(runs))
      .map((row) => row.seq as number)
  }

  /**
   * Events from before a moment that belong to no backup: those of other triggers, and facts such as `run.overdue`. Each
   * call looks at those that come after what the last one has looked at, until they are younger.
   */
  #strays(until: string): { strays: number[]; isOver: boolean } {
    const looked = this.#database
      .prepare(`SELECT seq, time FROM event WHERE seq > ? ORDER BY seq LIMIT ${eventsLookedAt}`)
      .all(this.#lookedAt)
    const from = this.#lookedAt
    const { seq: last = from, time = until } = looked.at(-1) ?? {}
    const isOver = looked.length < eventsLookedAt || (time as string) >= until
    this.#lookedAt = isOver ? 0 : (last as number)
    const kept = this.#rowsOf(this.#types.keptAlone).map((row) => row.seq as number)
    const strays = this.#database
      .prepare(
        `SELECT seq FROM event AS old
        WHERE seq > ? AND seq <= ? AND time < ? AND type NOT IN (${marksOf(this.#types.forever)})
          AND NOT EXISTS (SELECT 1 FROM logged WHERE run_id = old.run_id AND type IN (${marksOf(this.#types.starts)}))
          AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE ${isOf('d', 'old.seq')} AND d.state IN ('ready', 'claimed'))
          AND seq NOT IN (SELECT value FROM json_each(?))`,
      )
      .all(from, last as number, until, ...this.#types.forever, ...this.#types.starts, JSON.stringify(kept))
      .map((row) => row.seq as number)
    return { strays, isOver }
  }
}

function group(rows: Row[]): Map<unknown, Row[]> {
  return Map.groupBy(rows, (row) => row.delivery_id)
}

function commandOf(row: Row): CommandStart & Partial<CommandEnd> {
  const start = {
    deliveryId: row.delivery_id as number,
    try: row.try as number,
    argv: JSON.parse(row.argv as string) as string[],
    startedAt: row.started_at as number,
  }
  if (row.duration_ms === null) return start
  return {
    ...start,
    durationMs: row.duration_ms as number,
    exitCode: row.exit_code as number | null,
    signal: (row.signal as string | null) ?? undefined,
    stderr: row.stderr as string,
  }
}

function logOf(row: Row): LogLine {
  return {
    deliveryId: row.delivery_id as number,
    at: row.at as number,
    level: row.level as LogLine['level'],
    message: row.message as string,
  }
}
