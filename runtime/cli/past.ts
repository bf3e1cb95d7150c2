import { runTypes } from '../../events/types.ts'
import type { Config } from '../config/config.ts'
import type { EventBus } from '../core/bus/bus.ts'
import type { Journal } from '../core/bus/journal.ts'
import { SqliteBus } from '../core/bus/sqlite/bus.ts'
import { inMemory, openDatabase, openDatabaseForReading } from '../core/bus/sqlite/database.ts'
import { SqliteJournal } from '../core/bus/sqlite/journal.ts'

/** Reads what has been, while another process is at work there. A store that is not there yet knows of nothing. */
export function readPast<T>(
  config: Pick<Config, 'state'>,
  read: (past: { bus: EventBus; journal: Journal }) => T,
): T {
  const database = openDatabaseForReading(config.state) ?? openDatabase(inMemory)
  try {
    return read({ bus: new SqliteBus(database, inMemory), journal: new SqliteJournal(database, runTypes) })
  } finally {
    database.close()
  }
}
