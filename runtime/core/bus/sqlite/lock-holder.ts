import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { lockFile } from './database.ts'

/** Where SQLite's locks begin in a file: PENDING_BYTE. @see https://sqlite.org/lockingv3.html */
const lockedByte = 0x40000000

/**
 * The process that holds the lock on a state directory, by the kernel's table: taking the lock to find out could keep a
 * run from getting it.
 * @returns Its id; undefined when there is none, or none in sight (another container, no /proc).
 * @see proc_locks(5)
 */
export function lockHolder(directory: string, locks = '/proc/locks'): number | undefined {
  try {
    const { ino } = statSync(join(directory, lockFile))
    return holderOf(ino, readFileSync(locks, 'utf8'))
  } catch {
    return undefined
  }
}

/** @param text Lines such as `1: POSIX  ADVISORY  WRITE 4711 fe:00:2179122 1073741824 1073742335`. */
export function holderOf(inode: number, text: string): number | undefined {
  for (const line of text.split('\n')) {
    const [, , , access, pid, file, start] = line.trim().split(/\s+/)
    const matches = file?.endsWith(`:${inode}`) && Number(start) >= lockedByte
    if (matches && access === 'WRITE' && Number(pid) > 0) return Number(pid)
  }
  return undefined
}
