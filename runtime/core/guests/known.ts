import { readFileSync, writeFileSync } from 'node:fs'
import type { FunctionDescription } from './messages.ts'

/** What each function handled when it could last be loaded, by its name: types of events. */
export type Known = Readonly<Record<string, readonly string[]>>

/** Reads what is known of functions. @returns Nothing where it cannot be read: then nothing is known. */
export function readKnown(file: string): Known {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Known
  } catch {
    return {}
  }
}

/**
 * Keeps what functions handle, for the day when one cannot be loaded. Safe to repeat; where it cannot be written, that day
 * they count as unknown.
 */
export function keepKnown(file: string, functions: readonly FunctionDescription[]): void {
  const before = readKnown(file)
  const after = { ...before, ...Object.fromEntries(functions.map(({ name, on }) => [name, on])) }
  const text = JSON.stringify(after)
  if (text === JSON.stringify(before)) return
  try {
    writeFileSync(file, text, { mode: 0o600 })
  } catch {
    // Nothing depends on it today.
  }
}
