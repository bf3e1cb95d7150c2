import { runTypes } from '../../events/types.ts'
import type { Config } from '../config/config.ts'
import type { EventBus } from '../core/bus/bus.ts'
import type { Journal } from '../core/bus/journal.ts'
import { SqliteBus } from '../core/bus/sqlite/bus.ts'
import { inMemory, openDatabase, openDatabaseForReading } from '../core/bus/sqlite/database.ts'
import { SqliteJournal } from '../core/bus/sqlite/journal.ts'

/** What has been, for whoever only reads it. */
export interface Past {
  bus: EventBus
  journal: Journal
}

/** Reads the record, however it is come by: an engine has it open, a command opens it. */
export type ReadPast = <T>(read: (past: Past) => T) => T

/** Reads the store of a config, as {@link readPast} does. */
export function readPastOf(config: Pick<Config, 'state'>): ReadPast {
  return (read) => readPast(config, read)
}

/** Reads what has been, while another process is at work there. A store that is not there yet knows of nothing. */
export function readPast<T>(config: Pick<Config, 'state'>, read: (past: Past) => T): T {
  return readFrom(openDatabaseForReading(config.state) ?? openDatabase(inMemory), read)
}

/** As if nothing had ever been. */
export function readNoPast<T>(read: (past: Past) => T): T {
  return readFrom(openDatabase(inMemory), read)
}

function readFrom<T>(database: ReturnType<typeof openDatabase>, read: (past: Past) => T): T {
  try {
    return read({ bus: new SqliteBus(database, inMemory), journal: new SqliteJournal(database, runTypes) })
  } finally {
    database.close()
  }
}
