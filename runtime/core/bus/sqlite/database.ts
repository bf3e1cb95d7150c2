import { chmodSync, closeSync, existsSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { nanoid } from 'nanoid'
import { UsageError } from '../../../errors.ts'
import { isDamaged, withoutStore } from './damage.ts'
import { keepStoreId, keptStoreId } from './identity.ts'
import { migrations } from './migrations.ts'
import { transaction } from './transaction.ts'

/** Name of the event store in the state directory. */
export const storeFile = 'hdsync.db'

/** Name of the file in the state directory that the one hdsync at work there holds locked. */
export const lockFile = 'lock'

/** A store that lasts as long as it is open: for plans. */
export const inMemory = ':memory:'

/**
 * Opens the event store, makes it if it is not there, and brings its tables up to date.
 *
 * WAL with `synchronous=FULL`: a commit is on the disk when it returns (NORMAL may lose the last ones in a
 * power cut). `auto_vacuum` has to be set before the first table.
 * @throws {UsageError} The directory cannot be written, or a newer hdsync made the store.
 * @see https://sqlite.org/pragma.html
 */
export function openDatabase(directory: string): DatabaseSync {
  if (directory === inMemory) {
    const database = new DatabaseSync(inMemory)
    migrate(database, inMemory)
    return database
  }
  makeDirectory(directory)
  const file = join(directory, storeFile)
  let database: DatabaseSync | undefined
  try {
    // Private from the start: the journal holds paths and the ends of error messages.
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    const opened = new DatabaseSync(file)
    database = opened
    opened.exec(`
      PRAGMA busy_timeout = 5000;
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA foreign_keys = ON;
    `)
    migrate(opened, file, migrations, keptStoreId(directory))
    keepStoreId(opened, directory)
    return opened
  } catch (error) {
    if (database?.isOpen) database.close()
    if (error instanceof UsageError) throw error
    if (isDamaged(error)) throw damaged(file, error as Error)
    throw new UsageError(`cannot open the event store ${file}: ${(error as Error).message}`, {
      hint: 'see that the disk is not full, and that the file belongs to the user that runs hdsync',
      cause: error,
    })
  }
}

/**
 * Opens the event store to look at it: makes nothing, changes nothing, and keeps nobody waiting who works on it.
 * @returns undefined when there is none yet.
 * @throws {UsageError} It cannot be read, or its tables are not those that this hdsync knows.
 */
export function openDatabaseForReading(directory: string): DatabaseSync | undefined {
  const file = join(directory, storeFile)
  let database: DatabaseSync | undefined
  try {
    if (!statSync(file, { throwIfNoEntry: false })) return undefined
    database = new DatabaseSync(file, { readOnly: true })
    database.exec('PRAGMA busy_timeout = 5000')
    const version = versionOf(database)
    if (version > migrations.length) refuseNewer(file, version)
    if (version === migrations.length) return database
    database.close()
    // The tables are made in one transaction: before it, nothing has ever happened.
    if (version === 0) return undefined
    throw new UsageError(`the event store ${file} was made by an older hdsync (version ${version})`, {
      hint: 'the next run or restore brings it up to date',
    })
  } catch (error) {
    if (database?.isOpen) database.close()
    if (error instanceof UsageError) throw error
    if (isDamaged(error)) throw damaged(file, error as Error)
    throw new UsageError(`cannot read the event store ${file}: ${(error as Error).message}`, {
      hint: 'see that the user who runs hdsync may read it: run it as root',
      cause: error,
    })
  }
}

function damaged(file: string, cause: Error): UsageError {
  return new UsageError(`the event store ${file} is damaged: ${cause.message}`, {
    hint: withoutStore(file),
    cause,
  })
}

function makeDirectory(directory: string): void {
  try {
    if (existsSync(directory)) return
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    chmodSync(directory, 0o700)
  } catch (error) {
    throw new UsageError(`cannot make the state directory ${directory}: ${(error as Error).message}`, {
      hint: 'run hdsync as root, or name another directory under `state:` in the config',
      cause: error,
    })
  }
}

/**
 * Brings the tables forward, step by step in one transaction, after keeping a copy of a store that holds
 * anything: `hdsync.db.v1.backup` is what version 1 left.
 * @param store The id that a new store is given.
 */
export function migrate(
  database: DatabaseSync,
  file: string,
  steps: readonly string[] = migrations,
  store = nanoid(8),
): void {
  const version = () => versionOf(database)
  if (version() > steps.length) refuseNewer(file, version())
  if (version() === steps.length) return
  if (version() > 0 && file !== inMemory) {
    const backup = `${file}.v${version()}.backup`
    rmSync(backup, { force: true })
    database.prepare('VACUUM INTO ?').run(backup)
    chmodSync(backup, 0o600)
  }
  transaction(database, () => {
    // Read again: another process may have been here first.
    if (version() > steps.length) refuseNewer(file, version())
    for (const [index, sql] of steps.entries()) if (index >= version()) database.exec(sql)
    database.exec(`PRAGMA user_version = ${steps.length}`)
    database.prepare("INSERT OR IGNORE INTO meta VALUES ('store', ?)").run(store)
  })
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version)
}

function refuseNewer(file: string, version: number): never {
  throw new UsageError(`the event store ${file} was made by a newer hdsync (version ${version})`, {
    hint: `this hdsync knows versions up to ${migrations.length}: install the newer one again`,
  })
}

/**
 * Takes the lock on a state directory for as long as this process lives: the kernel takes it back from a
 * process that dies, however it dies. It is SQLite's own exclusive file lock, on a file of its own.
 * @returns A function that gives the lock back, or undefined when another process holds it.
 * @see https://sqlite.org/lockingv3.html
 */
export function holdLock(directory: string): (() => void) | undefined {
  makeDirectory(directory)
  const file = join(directory, lockFile)
  let database: DatabaseSync | undefined
  try {
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    const held = new DatabaseSync(file)
    database = held
    // With no time to wait, neither of two that begin at the same moment would get it. Not `locking_mode = EXCLUSIVE`, which
    // keeps a shared lock after a refusal.
    held.exec(`PRAGMA busy_timeout = ${contendingMs}; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE`)
    return () => held.close()
  } catch (error) {
    if (database?.isOpen) database.close()
    if ((error as { errcode?: number }).errcode === sqliteBusy) return undefined
    throw new UsageError(`cannot lock the state directory ${directory}: ${(error as Error).message}`, {
      hint: 'see that `state:` names a directory that belongs to the user who runs hdsync',
      cause: error,
    })
  }
}

const sqliteBusy = 5
/** How long a lock is waited for. */
const contendingMs = 100
