import type { DatabaseSync } from 'node:sqlite'
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
