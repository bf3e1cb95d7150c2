import { migrations } from '../../runtime/core/bus/sqlite/migrations.ts'

/** The version of today. */
export const today = migrations.length

/**
 * What three later versions may bring. Each step needs the one before it, and notes its number and how many
 * events it found.
 */
export const steps: readonly string[] = [
  ...migrations,
  'CREATE TABLE trail (step INTEGER, events); INSERT INTO trail SELECT 1, count(*) FROM event',
  'INSERT INTO trail SELECT 2, count(*) FROM event WHERE (SELECT max(step) FROM trail) = 1',
  'INSERT INTO trail SELECT 3, count(*) FROM event WHERE (SELECT max(step) FROM trail) = 2',
]

/** The steps up to so many after the version of today. */
export const stepsTo = (later: number): readonly string[] => steps.slice(0, today + later)
