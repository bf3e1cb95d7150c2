import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type RunRow, runKindOf, type Tally } from '../journal.ts'
import type { JournalTypes } from './keeping.ts'
import { envelopeOf, type Row } from './rows.ts'
import { deliveriesOfRun, marksOf } from './statements.ts'

/** After every text that begins with a prefix, where it is put behind that. */
const afterAll = '\u{10ffff}'

/** That an event is the first one of its run, as SQL. An event that has a parent never is, which is known sooner. */
const isFirst = `e.parent_id IS NULL AND e.run_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM logged AS b WHERE b.run_id = e.run_id AND b.seq < e.seq)`

/** The runs of a store, read from its events: the first event of each tells its kind. */
export class RunTable {
  readonly #database: DatabaseSync
  readonly #types: JournalTypes
  /** What finds the end of a run: it is asked for many at once. */
  #end: StatementSync | undefined

  constructor(database: DatabaseSync, types: JournalTypes) {
    this.#database = database
    this.#types = types
  }

  /** @see Journal.runs */
  newest(limit: number, kind?: string): RunRow[] {
    const types = kind === undefined ? this.#types.listed : [kind, `${kind}.start`]
    const [where, values] = kind === 'all' ? [isFirst, []] : this.#ofTypes(types)
    return this.#database
      .prepare(
        `SELECT * FROM event WHERE seq IN (SELECT seq FROM logged AS e WHERE ${where} ORDER BY seq DESC LIMIT ?)
        ORDER BY seq DESC`,
      )
      .all(...values, limit)
      .map((row) => this.#run(row))
  }

  /** By its id, or by the beginning of it if that is of one run only. */
  find(id: string): RunRow | undefined {
    const exact = this.#database.prepare('SELECT * FROM logged WHERE run_id = ? ORDER BY seq LIMIT 1').get(id)
    if (exact) return this.#run(exact)
    if (id === '') return undefined
    const alike = this.#database
      .prepare('SELECT DISTINCT run_id FROM logged WHERE run_id >= ? AND run_id < ? LIMIT 2')
      .all(id, id + afterAll)
    return alike.length === 1 ? this.find(alike[0]?.run_id as string) : undefined
  }

  /** @see Journal.tallies */
  tallies(runId: string): Tally[] {
    return this.#database
      .prepare(
        `SELECT function, state, count(*) AS count, sum(tries + earlier_tries > 0) AS tried, max(ended_at) AS ended_at, error
        FROM delivery WHERE id IN (${deliveriesOfRun}) AND replaced_by IS NULL GROUP BY function, state`,
      )
      .all(runId)
      .map((row) => ({
        function: row.function as string,
        state: row.state as Tally['state'],
        count: row.count as number,
        tried: row.tried as number,
        endedAt: row.ended_at as number | null,
        // SQLite takes it from the row that has the maximum.
        error: row.error as string | null,
      }))
  }

  /** Events that begin a run by their type do so wherever they stand; a check of each would only cost time. */
  #ofTypes(types: readonly string[]): [where: string, values: readonly string[]] {
    const starts = types.filter((type) => this.#types.starts.includes(type))
    const others = types.filter((type) => !starts.includes(type))
    const where = `e.type IN (${marksOf(types)}) AND (e.type IN (${marksOf(starts)}) OR ${isFirst})`
    return others.length === 0 ? [`e.type IN (${marksOf(types)})`, types] : [where, [...types, ...starts]]
  }

  #run(first: Row): RunRow {
    const id = first.run_id as string
    const { ends } = this.#types
    this.#end ??= this.#database.prepare(
      `SELECT * FROM logged WHERE run_id = ? AND type IN (${marksOf(ends)}) ORDER BY seq DESC LIMIT 1`,
    )
    const end = this.#end.get(id, ...ends)
    return {
      id,
      kind: runKindOf(first.type as string),
      startedAt: Date.parse(first.time as string),
      end: end && envelopeOf(end),
    }
  }
}
