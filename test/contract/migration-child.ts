import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { migrate, openDatabase, storeFile } from '../../runtime/core/bus/sqlite/database.ts'
import { steps } from './migration-steps.ts'

// The process that is killed in the middle of a step: `node migration-child.ts DIRECTORY` brings the store forward
// by a step that never ends, and prints a line for each row that it has written.

const directory = process.argv[2] ?? ''
const database = openDatabase(directory)
database.function('tell', (row) => {
  writeSync(1, `${row}\n`)
  return row
})
const endless = `INSERT INTO trail WITH RECURSIVE row (number) AS (SELECT 4 UNION ALL SELECT number + 1 FROM row)
  SELECT tell(number), randomblob(4000) FROM row`
migrate(database, join(directory, storeFile), [...steps, endless])
