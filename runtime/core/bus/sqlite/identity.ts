import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

/** Name of the file in the state directory that keeps the store's id. */
const idFile = 'store-id'

/** A short name that tells this store's snapshots and mounts from those of another hdsync on the box. */
export function storeId(database: DatabaseSync): string {
  return String(database.prepare("SELECT value FROM meta WHERE key = 'store'").get()?.value)
}

/** The id that a store in this directory has, or had before it was lost; mirrors belong to it. Undefined if there was none. */
export function keptStoreId(directory: string): string | undefined {
  const file = join(directory, idFile)
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  return /^[\w-]{8}$/.test(text) ? text : undefined
}

/** Keeps the id beside the store, as it outlasts it. On a full or read-only disk the next start does. */
export function keepStoreId(database: DatabaseSync, directory: string): void {
  const id = storeId(database)
  if (keptStoreId(directory) === id) return
  try {
    writeFileSync(join(directory, idFile), `${id}\n`, { mode: 0o600, flush: true })
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (!['ENOSPC', 'EDQUOT', 'EROFS'].includes(code)) throw error
  }
}

/** During which uptime of the machine the store was last in use; undefined for a new one. */
export function lastBoot(database: DatabaseSync): string | undefined {
  return database.prepare("SELECT value FROM meta WHERE key = 'boot'").get()?.value as string | undefined
}

/** Notes that it is in use during this uptime; once what the last one left has been set right. */
export function noteBoot(database: DatabaseSync, bootId: string): void {
  if (lastBoot(database) === bootId) return
  database.prepare("INSERT OR REPLACE INTO meta VALUES ('boot', ?)").run(bootId)
}
