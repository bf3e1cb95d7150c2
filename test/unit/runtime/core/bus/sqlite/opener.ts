import { openDatabase } from '../../../../../../runtime/core/bus/sqlite/database.ts'

// The other process: opens the event store, and ends.
openDatabase(process.argv[2] ?? '').close()
