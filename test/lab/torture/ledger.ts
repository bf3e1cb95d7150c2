import { DatabaseSync } from 'node:sqlite'
import { textOf } from './busy.ts'

interface Row {
  id: number
  atMs: number
}

/** Which rows the databases have told of as committed, and when. */
export class Ledger {
  readonly #rows = new Map<string, Row[]>()

  /** @param output All that the writer has printed since its start. */
  note(output: string): void {
    for (const line of output.split('\n').slice(0, -1)) {
      const [word, name = '', id = '', atMs = ''] = line.split(' ')
      const rows = this.#rows.get(name) ?? []
      this.#rows.set(name, rows)
      if (word === 'row' && Number(id) > (rows.at(-1)?.id ?? 0))
        rows.push({ id: Number(id), atMs: Number(atMs) })
    }
  }

  /** The last row that had been committed at a moment of the machine's clock; 0 when there was none. */
  lastAt(name: string, atMs: number): number {
    return this.#rows.get(name)?.findLast((row) => row.atMs <= atMs)?.id ?? 0
  }

  last(name: string): number {
    return this.lastAt(name, Number.POSITIVE_INFINITY)
  }
}

/**
 * Opens a copy of a database, which rolls back or forward what was under way, and reads every row.
 * @param least The row up to which nothing may be missing.
 * @returns What is wrong with it, undefined when nothing is.
 */
export function judgeDatabase(path: string, name: string, least: number): string | undefined {
  try {
    const database = new DatabaseSync(path)
    try {
      const integrity = String(database.prepare('PRAGMA integrity_check').get()?.integrity_check)
      if (integrity !== 'ok') return integrity
      const rows = database.prepare('SELECT id, text FROM ledger ORDER BY id').all() as {
        id: number
        text: string
      }[]
      const first = rows[0]?.id ?? 0
      const last = rows.at(-1)?.id ?? 0
      if (last < least) return `ends with row ${last}, though row ${least} had been committed`
      const odd = rows.findIndex(({ id, text }, index) => id !== first + index || text !== textOf(name, id))
      return odd < 0 ? undefined : `has a gap or a wrong text at row ${rows[odd]?.id}`
    } finally {
      database.close()
    }
  } catch (error) {
    return (error as Error).message
  }
}
