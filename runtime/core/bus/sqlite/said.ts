import type { DatabaseSync } from 'node:sqlite'
import type { Said, SaidSearch } from '../journal.ts'
import { deliveriesOfRun } from './statements.ts'

/** Lines that functions wrote, and attempts that failed: those that were repeated, and the last ones of dead letters. */
const lines = `
  SELECT 'log ' || id AS key, delivery_id, at, level, message FROM log
  UNION ALL SELECT 'attempt ' || delivery_id || '.' || number, delivery_id, ended_at, 'error', error
    FROM attempt WHERE error IS NOT NULL
  UNION ALL SELECT 'attempt ' || id || '.' || (earlier_tries + tries), id, ended_at, 'error', error
    FROM delivery WHERE state = 'dead' AND ended_at IS NOT NULL`

/** @see Journal.said */
export function readSaid(database: DatabaseSync, search: SaidSearch): Said[] {
  const { runId, function: name, since, limit = -1 } = search
  const conditions: [sql: string, value: string | number][] = []
  if (runId !== undefined) conditions.push([`d.id IN (${deliveriesOfRun})`, runId])
  if (name !== undefined) conditions.push(['d.function = ?', name])
  if (since !== undefined) conditions.push(['line.at >= ?', since])
  const where = ['TRUE', ...conditions.map(([sql]) => sql)].join(' AND ')
  return database
    .prepare(
      `SELECT line.*, d.function, e.run_id, e.type, e.subject FROM (${lines}) AS line
      JOIN delivery AS d ON d.id = line.delivery_id JOIN event AS e ON e.seq = d.event_seq
      WHERE ${where} ORDER BY line.at DESC, line.delivery_id DESC, line.key DESC LIMIT ?`,
    )
    .all(...conditions.map(([, value]) => value), limit)
    .map((row) => ({
      key: row.key as string,
      at: row.at as number,
      run: row.run_id as string | null,
      function: row.function as string,
      type: row.type as string,
      subject: row.subject as string | null,
      level: row.level as Said['level'],
      message: row.message as string,
    }))
    .reverse()
}

/** Whether anything was ever owed to a function of this name. */
export function isFunctionKnown(database: DatabaseSync, name: string): boolean {
  return database.prepare('SELECT 1 FROM delivery WHERE function = ? LIMIT 1').get(name) !== undefined
}
