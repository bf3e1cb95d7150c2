import { statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { HdsyncError, hintOf, StoreError } from '../../../errors.ts'
import { isDamaged, withoutStore } from './damage.ts'
import { lockFile, storeFile } from './database.ts'
import { isFull } from './reserve.ts'

/** With so much room on its disk no test write is needed. */
const plentyBytes = 1024 * 1024
/** Size of the test write: more than an event takes. */
const testBytes = 128 * 1024

/**
 * Tells whether the files of an open store are still those at its path: what is written to a deleted or replaced file is
 * lost when the process ends.
 */
export function watchFiles(directory: string): () => StoreError | undefined {
  const files = [storeFile, `${storeFile}-wal`, lockFile].map((name) => join(directory, name))
  const opened = files.map((file) => [file, identityOf(file)] as const).filter(([, one]) => one !== undefined)
  return () => {
    const [gone] = opened.find(([file, identity]) => identityOf(file) !== identity) ?? []
    if (gone === undefined) return undefined
    return new StoreError(
      `${gone} was deleted or replaced while hdsync was at work: what it records is lost`,
      {
        hint: `put the folder back as it was if you can, then: systemctl restart hdsync; with a new store, history, holds and dead letters of the old one are gone, backups stay as they are`,
      },
    )
  }
}

function identityOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}

/**
 * Why nothing can be written to a store now, if so. Where its disk has little room, a test write tells.
 * @param doubtful A test write is made in any case.
 */
export function cannotWrite(
  database: DatabaseSync,
  directory: string,
  doubtful: boolean,
): StoreError | undefined {
  try {
    if (!doubtful && freeBytes(directory) >= plentyBytes) return undefined
    database.prepare("INSERT OR REPLACE INTO meta VALUES ('trial', ?)").run('x'.repeat(testBytes))
    database.exec("DELETE FROM meta WHERE key = 'trial'")
    return undefined
  } catch (error) {
    return storeError(error as Error, directory)
  }
}

/** The room that is left on the disk of a store. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

/** An error in hdsync's words, if SQLite says that the store is damaged or its disk full; any other as it is. */
export function explained(error: unknown, directory: string): unknown {
  if (error instanceof HdsyncError || !(isFull(error) || isDamaged(error))) return error
  return storeError(error as Error, directory)
}

/** An error of SQLite's in hdsync's words. */
export function storeError(error: Error, directory: string): StoreError {
  if (error instanceof StoreError) return error
  const file = join(directory, storeFile)
  if (isDamaged(error)) {
    const message = `the event store ${file} is damaged: ${error.message}`
    return new StoreError(message, { hint: withoutStore(file), cause: error })
  }
  if (isFull(error)) {
    const message = `the disk of the state directory ${directory} is full`
    return new StoreError(message, { hint: `make room there: df -h ${directory}`, cause: error })
  }
  return new StoreError(`the event store ${file} cannot be written: ${error.message}`, {
    hint: hintOf(error),
    cause: error,
  })
}
