import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Tells which functions of the user's are disabled. */
export interface Disabled {
  has(name: string): boolean
  /** In the order of the alphabet. */
  names(): readonly string[]
}

export const noneDisabled: Disabled = { has: () => false, names: () => [] }

/**
 * Reads the names in a file, and reads them again once it has been replaced: a daemon heeds what a command has written
 * since. A look costs one stat(2).
 */
export function watchDisabled(file: string): Disabled {
  let stamp: string | undefined = ''
  let current = new Set<string>()
  const look = () => {
    const now = stampOf(file)
    if (now !== stamp) current = new Set(readNames(file))
    stamp = now
    return current
  }
  return { has: (name) => look().has(name), names: () => [...look()].sort() }
}

/**
 * Disables a function, or enables it. On the disk when it returns; safe to repeat.
 * @returns Whether that changed anything. @throws {NodeJS.ErrnoException}
 */
export function setDisabled(file: string, name: string, disabled: boolean): boolean {
  const names = new Set(readNames(file))
  if (names.has(name) === disabled) return false
  if (disabled) names.add(name)
  else names.delete(name)
  const folder = dirname(file)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify([...names].sort())}\n`, { mode: 0o600, flush: true })
  renameSync(draft, file)
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  return true
}

function stampOf(file: string): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat && `${stat.ino}:${stat.ctimeMs}`
}

/** What cannot be read disables nothing: a function is better run than forgotten. */
function readNames(file: string): string[] {
  try {
    const names: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []
  } catch {
    return []
  }
}
