import type { DatabaseSync } from 'node:sqlite'
import type { KeptResults } from '../../once.ts'
import type { ScheduleMemo } from '../../scheduler.ts'

/** What is remembered of schedules, by function. */
export function scheduleMemos(database: DatabaseSync) {
  const keyOf = (name: string) => `schedule.${name}`
  return {
    get(name: string): ScheduleMemo | undefined {
      const row = database.prepare('SELECT value FROM meta WHERE key = ?').get(keyOf(name))
      return row && (JSON.parse(row.value as string) as ScheduleMemo)
    },
    set(name: string, memo: ScheduleMemo): void {
      database
        .prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
        .run(keyOf(name), JSON.stringify(memo))
    },
  }
}

/** What side effects of one delivery have returned, in the event store; on the disk when `set` returns. */
export function keptResults(database: DatabaseSync, deliveryId: number): KeptResults {
  return {
    get(name) {
      return database
        .prepare('SELECT result FROM once WHERE delivery_id = ? AND name = ?')
        .get(deliveryId, name) as { result: string | null } | undefined
    },
    set(name, result) {
      database
        .prepare('INSERT OR REPLACE INTO once (delivery_id, name, result) VALUES (?, ?, ?)')
        .run(deliveryId, name, result)
    },
  }
}
