import { dirname, join } from 'node:path'

/** SQLITE_CORRUPT and SQLITE_NOTADB, in the lowest byte. @see https://sqlite.org/rescode.html */
const damageCodes = [11, 26]

/** Whether the files of a store are not what SQLite has written. */
export function isDamaged(error: unknown): boolean {
  const { errcode, cause } = error as { errcode?: number; cause?: unknown }
  if (errcode !== undefined && damageCodes.includes(errcode & 0xff)) return true
  return cause instanceof Error && isDamaged(cause)
}

/** What is lost with a damaged store, and how to go on without it. @param file The store. */
export function withoutStore(file: string): string {
  const aside = join(dirname(file), 'damaged')
  return `go on with a new one: systemctl stop hdsync.socket hdsync; mkdir ${aside}; mv ${file}* ${aside}/; systemctl start hdsync.socket. That loses the history of runs, what is held, dead letters and runs that wait; no backup is touched`
}
