import type { DatabaseSync } from 'node:sqlite'
import { transaction } from './transaction.ts'

/**
 * When each of these sources was first in the config. Those that are new are noted, those that are gone are
 * forgotten. @param now Milliseconds since the epoch.
 */
export function firstSeen(
  database: DatabaseSync,
  sources: readonly string[],
  now: number,
): Map<string, number> {
  const seen = new Map(
    database
      .prepare("SELECT substr(key, 6) AS source, value FROM meta WHERE key GLOB 'seen.*'")
      .all()
      .map(({ source, value }) => [String(source), Number(value)] as const),
  )
  const added = sources.filter((source) => !seen.has(source))
  const gone = [...seen.keys()].filter((source) => !sources.includes(source))
  if (added.length > 0 || gone.length > 0) {
    transaction(database, () => {
      const note = database.prepare('INSERT INTO meta VALUES (?, ?)')
      const forget = database.prepare('DELETE FROM meta WHERE key = ?')
      for (const source of added) note.run(`seen.${source}`, String(now))
      for (const source of gone) forget.run(`seen.${source}`)
    })
  }
  return new Map(sources.map((source) => [source, seen.get(source) ?? now]))
}
