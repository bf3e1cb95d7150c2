import { openDatabase } from '../../../runtime/core/bus/sqlite/database.ts'

/** Puts events into a new store that have all been handled, in runs of ten, as if they had been over long ago. */
export function fillStore(folder: string, events: number): void {
  const database = openDatabase(folder)
  database.exec(`
    PRAGMA synchronous = OFF;
    BEGIN;
    CREATE TEMP TABLE n AS
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${events}) SELECT i FROM n;
    INSERT INTO event (seq, id, source, type, subject, time, run_id, attempt, parent_id, traceparent, data)
      SELECT i, lower(hex(randomblob(11))), 'hdsync', 'bench.hop', NULL, '2026-01-01T00:00:00.000Z',
        printf('run%017d', i / 10), 1, lower(hex(randomblob(11))),
        '00-' || lower(hex(randomblob(16))) || '-' || lower(hex(randomblob(8))) || '-01', '{"left":1}' FROM n;
    INSERT INTO delivery (id, function, state, tries, run_at, started_at, ended_at)
      SELECT i * 1000, 'hop', 'done', 1, 0, 1767225600000, 1767225600001 FROM n;
    COMMIT;
    PRAGMA wal_checkpoint(TRUNCATE);
  `)
  database.close()
}
