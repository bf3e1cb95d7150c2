import type { EventBus } from '../../runtime/core/bus/bus.ts'
import { SqliteBus } from '../../runtime/core/bus/sqlite/bus.ts'
import { openDatabase } from '../../runtime/core/bus/sqlite/database.ts'

export function open(directory: string): EventBus {
  return new SqliteBus(openDatabase(directory), directory)
}
