import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  openDatabase,
  openDatabaseForReading,
  storeFile,
} from '../../../../../../runtime/core/bus/sqlite/database.ts'
import { storeId } from '../../../../../../runtime/core/bus/sqlite/identity.ts'
import { migrations } from '../../../../../../runtime/core/bus/sqlite/migrations.ts'
import { UsageError } from '../../../../../../runtime/errors.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

type Database = ReturnType<typeof openDatabase>

function closedLater<T extends Database | undefined>(database: T): T {
  onTestFinished(() => {
    if (database?.isOpen) database.close()
  })
  return database
}

/** A store whose tables say that they are of this version. */
function storeOfVersion(version: number): string {
  const directory = temporaryFolder()
  const database = openDatabase(directory)
  database.exec(`PRAGMA user_version = ${version}`)
  database.close()
  return directory
}

describe('openDatabaseForReading()', () => {
  test('answers nothing where no store is, and makes none', () => {
    const directory = temporaryFolder()
    expect(openDatabaseForReading(directory)).toBeUndefined()
    expect(openDatabaseForReading(join(directory, 'missing'))).toBeUndefined()
    expect(readdirSync(directory)).toEqual([])
  })

  test('answers nothing for a store whose tables have not been made', () => {
    const directory = temporaryFolder()
    writeFileSync(join(directory, storeFile), '')
    expect(openDatabaseForReading(directory)).toBeUndefined()
  })

  test('reads beside a writer, in the middle of its transaction, and sees what it has committed', () => {
    const directory = temporaryFolder()
    const writer = closedLater(openDatabase(directory))
    const reader = closedLater(openDatabaseForReading(directory))
    const count = () => reader?.prepare("SELECT count(*) AS n FROM meta WHERE key = 'a'").get()?.n
    writer.exec("BEGIN IMMEDIATE; INSERT INTO meta VALUES ('a', 'b')")
    expect([reader && storeId(reader), count()]).toEqual([storeId(writer), 0])
    writer.exec('COMMIT')
    expect(count()).toBe(1)
  })

  test('cannot write', () => {
    const directory = temporaryFolder()
    openDatabase(directory).close()
    const reader = closedLater(openDatabaseForReading(directory))
    expect(() => reader?.exec('DELETE FROM meta')).toThrow(/readonly/)
  })

  test('refuses the tables of another version, and does not change them', () => {
    const newer = storeOfVersion(migrations.length + 1)
    expect(() => openDatabaseForReading(newer)).toThrow(/made by a newer hdsync/)
    const older = storeOfVersion(-1)
    expect(() => openDatabaseForReading(older)).toThrow(/made by an older hdsync/)
    expect(() => openDatabaseForReading(older)).toThrow(UsageError)
  })

  test('refuses what is no store, and says which file', () => {
    const directory = temporaryFolder()
    writeFileSync(join(directory, storeFile), 'scribble '.repeat(1000))
    expect(() => openDatabaseForReading(directory)).toThrow(UsageError)
    expect(() => openDatabaseForReading(directory)).toThrow(join(directory, storeFile))
  })
})
