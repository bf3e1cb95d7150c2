import type { DatabaseSync } from 'node:sqlite'
import { emittedIn, endOf, names, step, treeOf } from './kill-work.ts'

/** What the child says that the bus has answered for, in words: `settled DELIVERY TRIES OUTCOME`. */
export type Acknowledged =
  | ['event', string]
  | ['claimed' | 'reclaimed', number, number]
  | ['settled', number, number, string]

type Row = Record<string, string | number | null>

/**
 * Looks through the tables after a kill.
 * @param lines Everything that was acknowledged in all lives.
 * @returns What is wrong, in words.
 */
export function faultsOf(database: DatabaseSync, lines: readonly string[]): string[] {
  const rows = (sql: string) => database.prepare(sql).all() as Row[]
  return [
    ...rows('PRAGMA integrity_check').flatMap((row) => (row.integrity_check === 'ok' ? [] : [said(row)])),
    ...rows('PRAGMA foreign_key_check').map(said),
    ...rows('SELECT * FROM delivery WHERE event_seq NOT IN (SELECT seq FROM event)').map(said),
    ...faultsOfFiling(rows),
    ...faultsOfEvents(rows),
    ...rows(deliveries).flatMap((row) => [...faultsOfDelivery(row), ...faultsOfTries(row)]),
    ...faultsOfOrder(rows),
    ...faultsOfAcknowledged(rows, lines),
  ]
}

/** What is still owed, or did not end as it has to. */
export function unfinished(database: DatabaseSync): string[] {
  return (database.prepare(deliveries).all() as Row[])
    .filter(({ state, path, function: name }) => state !== endOf(String(path), String(name)))
    .map(said)
}

const deliveries = `
  SELECT d.*, e.id AS event, e.data ->> 'path' AS path,
    (SELECT json_group_array(child.type) FROM event AS child
      WHERE child.parent_id = e.id AND child.data ->> 'by' = d.function) AS emitted,
    (SELECT json_group_array(number) FROM (
      SELECT number FROM try WHERE delivery_id = d.id ORDER BY number)) AS numbers
  FROM delivery AS d JOIN event AS e ON e.seq = d.event_seq ORDER BY d.id`

/** Every event is found when it is looked for by its run or its type: it is filed, or after those that are. */
function faultsOfFiling(rows: (sql: string) => Row[]): string[] {
  return rows('SELECT id, filed FROM event WHERE seq NOT IN (SELECT seq FROM logged)').map(said)
}

/** Every step is owed to both functions, everything else to nobody. */
function faultsOfEvents(rows: (sql: string) => Row[]): string[] {
  return rows(`SELECT id, type, (SELECT group_concat(function ORDER BY function) FROM delivery
      WHERE event_seq = seq) AS owed_to FROM event`)
    .filter(({ type, owed_to }) => owed_to !== (type === step.type ? names.join() : null))
    .map(said)
}

/** What was emitted for a delivery is there as a whole with its end, and not at all without it. */
function faultsOfDelivery(row: Row): string[] {
  const expected = emittedIn(String(row.state), String(row.path), String(row.function))
  const claimed = row.state === 'claimed'
  const fenced = (row.token !== null) === claimed && (row.lease_until !== null) === claimed
  return row.emitted === JSON.stringify(expected) && fenced ? [] : [said(row)]
}

/** Every try but the one in hand is on record. */
function faultsOfTries(row: Row): string[] {
  const ended = Number(row.tries) - (row.state === 'claimed' ? 1 : 0)
  const expected = JSON.stringify(Array.from({ length: ended }, (_, index) => index + 1))
  return row.numbers === expected ? [] : [said(row)]
}

/** Of one tree, `count` takes up a step only when the earlier ones have ended. */
function faultsOfOrder(rows: (sql: string) => Row[]): string[] {
  const counted = rows(`SELECT d.id, d.state, d.tries, e.data ->> 'path' AS path,
      (SELECT min(started_at) FROM try WHERE delivery_id = d.id AND error IS NOT 'killed') AS began,
      (SELECT max(ended_at) FROM try WHERE delivery_id = d.id AND error IS NOT 'killed') AS ended
    FROM delivery AS d JOIN event AS e ON e.seq = d.event_seq WHERE d.function = 'count' ORDER BY d.id`)
  return [...Map.groupBy(counted, ({ path }) => treeOf(String(path))).values()].flatMap((line) =>
    line.slice(1).flatMap((row, index) => {
      const before = line[index] as Row
      const over = before.state === 'done' || before.state === 'dead'
      const early = over ? row.began !== null && Number(row.began) < Number(before.ended) : row.tries !== 0
      return early ? [`${said(row)} came before ${said(before)}`] : []
    }),
  )
}

/** What was acknowledged is there, and nothing ended twice. */
function faultsOfAcknowledged(rows: (sql: string) => Row[], lines: readonly string[]): string[] {
  const events = new Set(rows('SELECT id FROM event').map(({ id }) => id))
  const owed = new Map(rows('SELECT id, state, tries FROM delivery').map((row) => [String(row.id), row]))
  const tried = new Map(
    rows('SELECT * FROM try').map((row) => [`${row.delivery_id} ${row.number}`, row.error]),
  )
  const ends = new Set<string>()
  return lines.filter((line) => {
    const [what, id = '', tries, outcome] = line.split(' ')
    if (what === 'event') return !events.has(id)
    if (what === 'claimed') return Number(owed.get(id)?.tries ?? 0) < Number(tries)
    const error = tried.get(`${id} ${tries}`)
    if (what === 'reclaimed') return error !== 'killed'
    if (outcome === 'retry') return error !== 'not yet'
    const twice = ends.has(id)
    ends.add(id)
    return twice || owed.get(id)?.state !== outcome || error !== (outcome === 'done' ? null : 'no good')
  })
}

function said(row: Row): string {
  return JSON.stringify(row)
}
