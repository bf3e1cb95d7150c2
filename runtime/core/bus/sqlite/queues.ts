import type { DatabaseSync } from 'node:sqlite'
import type { Queue } from '../journal.ts'

/** What is open or given up, by the indexes of both: those that are done are many. */
const openOnly = `(SELECT * FROM delivery WHERE state = 'ready' OR state = 'claimed'
  UNION ALL SELECT * FROM delivery WHERE state = 'dead')`

/**
 * What is owed to each function, in one walk over the deliveries and one over those that are ready.
 * @param open Leaves out what is done: functions of which nothing is open, and the attempts of what is done.
 */
export function readQueues(database: DatabaseSync, now: number, open: boolean): Queue[] {
  const oldest = new Map(
    database
      .prepare(
        `SELECT d.function, min(unixepoch(e.time, 'subsec')) * 1000 AS since
        FROM delivery d JOIN event e ON e.seq = d.event_seq
        WHERE d.state = 'ready' AND d.lease_until IS NULL AND d.run_at <= ? GROUP BY d.function`,
      )
      .all(now)
      .map((row) => [row.function as string, row.since as number]),
  )
  return database
    .prepare(
      `SELECT function,
        count(*) FILTER (WHERE state = 'ready' AND run_at <= ?1) AS ready,
        count(*) FILTER (WHERE state = 'ready' AND run_at > ?1) AS waiting,
        count(*) FILTER (WHERE state = 'claimed') AS claimed,
        count(*) FILTER (WHERE state = 'dead' AND replaced_by IS NULL) AS dead,
        sum(earlier_tries + tries) AS tries
      FROM ${open ? openOnly : 'delivery'} GROUP BY function`,
    )
    .all(now)
    .map((row) => ({
      function: row.function as string,
      ready: row.ready as number,
      waiting: row.waiting as number,
      claimed: row.claimed as number,
      dead: row.dead as number,
      tries: row.tries as number,
      oldestReadyAt: oldest.get(row.function as string) ?? null,
    }))
}
