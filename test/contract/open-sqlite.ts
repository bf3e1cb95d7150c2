import type { EventBus } from '../../runtime/bus/bus.ts'
import { SqliteBus } from '../../runtime/bus/sqlite/bus.ts'
import { openDatabase } from '../../runtime/bus/sqlite/database.ts'

export function open(directory: string): EventBus {
  return new SqliteBus(openDatabase(directory), directory)
}
