import type { DatabaseSync } from 'node:sqlite'

/**
 * Runs `body` in one transaction that is the only writer from its first statement on, and takes everything
 * back when it throws.
 */
export function transaction<T>(database: DatabaseSync, body: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = body()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk makes SQLite roll back by itself.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
