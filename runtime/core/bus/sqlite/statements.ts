import type { DatabaseSync } from 'node:sqlite'
import { heldFloor, lanes } from '../bus.ts'

/** Deliveries of one event at most: its number times this is the id of the first. */
export const deliveriesAtMost = 1000

/** Events indexed at once by run and type. More are fewer writes, but longer look-ups. */
export const filedAtOnce = 128

/** That a delivery is of an event, as SQL, by their ids. */
export function isOf(delivery: string, seq: string): string {
  return `${delivery}.id BETWEEN ${seq} * ${deliveriesAtMost} AND ${seq} * ${deliveriesAtMost} + ${deliveriesAtMost - 1}`
}

/** As many marks for parameters as there are values. */
export function marksOf(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ')
}

/** The ids of the deliveries of one run, as SQL with one parameter. */
export const deliveriesOfRun: string = `SELECT of_run.id FROM (SELECT seq FROM logged WHERE run_id = ?) AS in_run
  CROSS JOIN delivery AS of_run ON ${isOf('of_run', 'in_run.seq')}`

// The condition on the lease selects the index of what is open.
const ready = "state = 'ready' AND lease_until IS NULL"
const claimed = "state = 'claimed' AND lease_until IS NOT NULL"
/** A delivery that waits behind others of its key has the number of its lane and this. */
export const behind = 10
const laneNumbers = [0, behind].flatMap((from) => lanes.map((_, n) => from + n))
/** Every delivery that is ready, by the index. */
const anyLane = `lane IN (${laneNumbers})`
const firstOf = (lane: number, also = '') =>
  `(SELECT run_at FROM delivery WHERE ${ready} AND lane = ${lane} ${also} ORDER BY run_at LIMIT 1)`

/**
 * The bus's SQL. What runs in every turn must cost the same however long the history is: a test holds that none of it
 * scans a table.
 */
export const statements = {
  event: `INSERT INTO event (id, source, type, subject, time, run_id, attempt, parent_id, traceparent, data,
      sender_time, filed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (source, id) DO NOTHING`,
  file: `UPDATE event SET filed = 1 WHERE seq > (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'filed')`,
  filed: `UPDATE meta SET value = coalesce((SELECT max(seq) FROM event), 0) WHERE key = 'filed'`,
  delivery: `INSERT INTO delivery (id, function, key, key_limit, lane, run_at, put_off_since, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, 'ready')`,
  claimed: `INSERT INTO delivery (id, function, key, key_limit, lane, run_at, state, tries, token, lease_until)
    VALUES (?, ?, ?, ?, ?, ?, 'claimed', 1, ?, ?)`,
  waitingBehind: `SELECT id FROM delivery
    WHERE function = ? AND key = ? AND state IN ('ready', 'claimed') AND lane >= ${behind} ORDER BY id`,
  putOff: `SELECT id, put_off_since AS since FROM delivery
    WHERE function = ? AND key = ? AND state IN ('ready', 'claimed') AND put_off_since IS NOT NULL AND run_at > ?
      AND run_at < ${heldFloor} AND tries = 0 AND generation = 0`,
  skip: `UPDATE delivery SET state = 'done', ended_at = ? WHERE id = ?`,
  say: `INSERT INTO log (delivery_id, at, level, message) VALUES (?, ?, 'info', ?)`,
  openOfKey: `SELECT count(*) AS open FROM (
    SELECT 1 FROM delivery WHERE function = ? AND key = ? AND state IN ('ready', 'claimed') LIMIT +?)`,
  moveUp: `UPDATE delivery SET lane = lane - ${behind} WHERE id = (SELECT id FROM delivery
    WHERE function = ? AND key = ? AND state IN ('ready', 'claimed') AND lane >= ${behind} ORDER BY id LIMIT 1)`,
  keysBehind: `SELECT function, key, max(key_limit) AS key_limit FROM delivery
    WHERE ${ready} AND lane >= ${behind} GROUP BY function, key`,
  inFront: `SELECT count(*) AS open FROM delivery
    WHERE function = ? AND key = ? AND state IN ('ready', 'claimed') AND lane < ${behind}`,
  eventBySeq: `SELECT * FROM event WHERE seq = ?`,
  attempt: `INSERT INTO attempt SELECT id, earlier_tries + ?, ?, ?, ? FROM delivery WHERE id = ?`,
  renew: `UPDATE delivery SET lease_until = ? WHERE id = ? AND token = ? AND state = 'claimed'`,
  end: `UPDATE delivery SET state = ?, token = NULL, lease_until = NULL, started_at = ?, ended_at = ?, error = ?
    WHERE id = ? AND token = ? AND state = 'claimed'`,
  retry: `UPDATE delivery SET state = 'ready', run_at = ?, token = NULL, lease_until = NULL
    WHERE id = ? AND token = ? AND state = 'claimed'`,
  ahead: `SELECT (SELECT lease_until FROM delivery WHERE ${claimed} ORDER BY lease_until LIMIT 1) AS lapses_at,
    ${lanes.map((name, lane) => `${firstOf(lane)} AS ${name}`).join(', ')},
    ${lanes.map((name, lane) => `${firstOf(behind + lane, 'AND run_at > ?1')} AS ${name}_behind`).join(', ')}`,
  // The sign keeps SQLite from going through the table in the order of its ids.
  lapsed: `SELECT * FROM delivery WHERE ${claimed} AND lease_until <= ? ORDER BY +id`,
  expire: `UPDATE delivery SET state = 'ready', token = NULL, lease_until = NULL WHERE id = ?`,
  hasten: `UPDATE delivery SET run_at = run_at - ? WHERE ${ready} AND run_at > 0 AND run_at < ?`,
  // Its delay began with its last attempt or its event: that is later than now only if the clock was set back.
  hastenSet: `UPDATE delivery SET run_at = run_at - (begun.at - :now)
    FROM (SELECT d.id, max(CAST(round(unixepoch(e.time, 'subsec') * 1000) AS INTEGER),
        coalesce((SELECT max(ended_at) FROM attempt a WHERE a.delivery_id = d.id), 0)) AS at
      FROM delivery d JOIN event e ON e.seq = d.event_seq
      WHERE d.state = 'ready' AND d.lease_until IS NULL AND d.run_at > :now AND d.run_at < :heldBack) AS begun
    WHERE delivery.id = begun.id AND begun.at > :now`,
  ready: claimableSql(),
  claim: `UPDATE delivery SET state = 'claimed', tries = tries + 1, token = ?, lease_until = ? WHERE id = ?`,
  nextAt: `SELECT min(run_at) AS run_at FROM (
    ${laneNumbers.map((lane) => `SELECT ${firstOf(lane, 'AND run_at > ?1')} AS run_at`).join(' UNION ALL ')})`,
  expedite: `UPDATE delivery SET run_at = 0 WHERE state = 'ready' AND id IN (${deliveriesOfRun})
    AND function NOT IN (SELECT value FROM json_each(?))`,
  keepTry: `INSERT INTO attempt SELECT id, earlier_tries + tries, started_at, ended_at, error FROM delivery
    WHERE id = ? AND state = 'dead' AND replaced_by IS NULL AND ended_at IS NOT NULL`,
  redrive: `UPDATE delivery SET state = 'ready', run_at = 0, generation = generation + 1,
      earlier_tries = earlier_tries + tries, tries = 0, started_at = NULL, ended_at = NULL, error = NULL
    WHERE id = ? AND state = 'dead' AND replaced_by IS NULL`,
  isHeld: `SELECT 1 FROM delivery WHERE id = ? AND token = ? AND state = 'claimed'`,
  keyed: `UPDATE delivery SET state = 'ready', key = ?, key_limit = ?, lane = lane + ?, run_at = max(run_at, ?),
      put_off_since = ?, tries = tries - 1, token = NULL, lease_until = NULL
    WHERE id = ?`,
  isDead: `SELECT 1 FROM delivery WHERE id = ? AND state = 'dead' AND replaced_by IS NULL`,
  replace: `UPDATE delivery SET replaced_by = ? WHERE id = ?`,
  holdBack: `UPDATE delivery SET run_at = ? WHERE state = 'ready' AND id IN (${deliveriesOfRun})`,
  withdraw: `UPDATE delivery SET state = 'cancelled' WHERE state = 'ready' AND id IN (${deliveriesOfRun})`,
  owed: `SELECT count(*) FILTER (WHERE state = 'ready' OR state = 'claimed') AS owed,
      count(*) FILTER (WHERE tries + earlier_tries > 0 OR state = 'claimed') AS tried
    FROM delivery WHERE id IN (${deliveriesOfRun})`,
  revoke: `UPDATE delivery SET state = 'cancelled', token = NULL, lease_until = NULL, ended_at = ?, error = ?
    WHERE (state = 'ready' OR state = 'claimed') AND id IN (${deliveriesOfRun})`,
  ripen: `UPDATE delivery SET run_at = ? WHERE ${ready} AND ${anyLane} AND run_at >= ? AND run_at <= ?`,
  ripensNext: `SELECT run_at FROM delivery WHERE ${ready} AND ${anyLane} AND run_at >= ? AND run_at < ? ORDER BY run_at LIMIT 1`,
  startedLast: `SELECT at, EXISTS (SELECT 1 FROM delivery WHERE state = 'ready' AND tries = 0 AND id IN (
      SELECT of_run.id FROM (SELECT seq FROM logged WHERE logged.run_id = started.run_id) AS in_run
        CROSS JOIN delivery AS of_run ON ${isOf('of_run', 'in_run.seq')})) AS waits
    FROM started WHERE type = ? AND key = ?`,
  started: `INSERT INTO started (type, key, run_id, at) VALUES (?, ?, ?, ?)
    ON CONFLICT (type, key) DO UPDATE SET run_id = excluded.run_id, at = excluded.at`,
  heldRun: `SELECT e.run_id FROM delivery d JOIN event e ON e.seq = d.event_seq
    WHERE d.state = 'ready' AND d.lease_until IS NULL AND d.${anyLane} AND d.run_at = ? AND e.run_id IS NOT NULL ORDER BY d.id LIMIT 1`,
  heldRuns: `SELECT DISTINCT e.run_id FROM delivery d JOIN event e ON e.seq = d.event_seq
    WHERE d.state = 'ready' AND d.lease_until IS NULL AND d.${anyLane} AND d.run_at >= ? AND d.tries = 0 AND e.run_id IS NOT NULL`,
  heldLike: `SELECT e.run_id FROM delivery d JOIN event e ON e.seq = d.event_seq
    WHERE d.state = 'ready' AND d.lease_until IS NULL AND d.${anyLane} AND d.run_at = ? AND d.tries = 0
      AND e.type = ? AND e.data = ? AND e.run_id IS NOT NULL ORDER BY d.id LIMIT 1`,
  find: `SELECT * FROM event WHERE source = ? AND id = ?`,
  open: `SELECT d.*, e.id AS event_id FROM delivery d JOIN event e ON e.seq = d.event_seq
    WHERE d.state = 'ready' OR d.state = 'claimed' ORDER BY +d.id`,
  openOfRun: `SELECT d.*, e.id AS event_id FROM delivery d JOIN event e ON e.seq = d.event_seq
    WHERE d.id IN (${deliveriesOfRun}) AND d.state IN ('ready', 'claimed') ORDER BY d.id`,
} as const

export type Statements = Record<keyof typeof statements, ReturnType<DatabaseSync['prepare']>>

export function prepareStatements(database: DatabaseSync): Statements {
  return Object.fromEntries(
    Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]),
  ) as Statements
}

/**
 * What may be claimed of one lane now, with its event. Several at once: of one key only the earliest that are open can be
 * among them.
 */
function claimableSql(): string {
  return `SELECT d.id AS delivery_id, d.function, d.tries, d.generation, d.key, event.*
    FROM delivery AS d CROSS JOIN event ON event.seq = d.event_seq
    WHERE d.state = 'ready' AND d.lease_until IS NULL AND d.lane = ? AND d.run_at <= ?
      AND (d.key IS NULL OR (
        SELECT count(*) FROM delivery AS e WHERE e.function = d.function AND e.key = d.key AND e.id < d.id
          AND e.key IS NOT NULL AND e.state IN ('ready', 'claimed')) < d.key_limit)
      -- What is in hand is little: the signs keep SQLite from going through all that has the key.
      AND (d.key IS NULL OR d.generation = 0 OR (
        SELECT count(*) FROM delivery AS e WHERE +e.function = d.function AND +e.key = d.key
          AND e.state = 'claimed' AND e.lease_until IS NOT NULL) < d.key_limit)
    -- A bare parameter as the limit would have SQLite plan this anew at every call.
    ORDER BY d.run_at, d.id LIMIT +?`
}
