import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { appRoot } from '../../../app-root.ts'

/** Lies in a build where it lies in a checkout. */
const folder = join(appRoot, 'runtime/core/bus/sqlite/migrations')

/**
 * The tables of the event store, as steps forward in the order of their numbers: `migrations/001-….sql` and on. A step
 * that has been released never changes; `PRAGMA user_version` holds the number of the last one applied. Times are
 * milliseconds since the epoch.
 */
export const migrations: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => readFileSync(join(folder, name), 'utf8'))
