import { isAscii } from 'node:buffer'
import type { DatabaseSync } from 'node:sqlite'
import { pathText } from '../../points/path-text.ts'

/** Which paths are searched for. */
export interface Wanted {
  /** Whether a path, as `pathText` has it, is one of them. */
  takes(path: string): boolean
  /** The last name of each of them has one of these in it: SQLite rules out the others. Of none, there is no such rule. */
  within: readonly Buffer[]
}

/** A name in a folder of a catalogue. */
export interface Named {
  /** The id of the folder. */
  folder: number
  name: Buffer
}

/** It takes some milliseconds to look at so many. */
const namesAtOnce = 4000

/**
 * All names in a catalogue whose paths are wanted, each once. Those found among a few thousand come together: between them
 * nothing is locked, and whoever asks may wait.
 */
export function* wantedNames(database: DatabaseSync, { takes, within }: Wanted): Generator<Named[]> {
  // A row for each name would take many times as long.
  const names = database.prepare(
    `SELECT folder, (SELECT path FROM folder WHERE folder.id = member.folder) AS path,
       CAST(group_concat(name, '/') AS BLOB) AS names
     FROM member
     WHERE (folder, name) > (?, ?) AND (folder, name) <= (?, ?)
       AND (${within.map(() => 'instr(name, ?) > 0').join(' OR ') || 'true'})
     GROUP BY folder HAVING path IS NOT NULL`,
  )
  let after: Place = { folder: 0, name: Buffer.alloc(0) }
  for (const until of [...placesBetween(database), end]) {
    const found: Named[] = []
    for (const row of names.iterate(after.folder, after.name, until.folder, until.name, ...within)) {
      const { folder, path, names } = row as { folder: number; path: Uint8Array; names: Uint8Array }
      for (const name of wantedAmong(Buffer.from(path), Buffer.from(names), takes))
        found.push({ folder, name })
    }
    after = until
    yield found
  }
}

/** Where a member stands in the order of folders and names. */
interface Place {
  folder: number
  name: Uint8Array
}

const end: Place = { folder: Number.MAX_SAFE_INTEGER, name: Buffer.alloc(0) }

/** Some places in their order, with a few thousand names between each and the next: where one member of so many stands. */
function placesBetween(database: DatabaseSync): Place[] {
  const next = database.prepare('SELECT id, folder, name FROM member WHERE id >= ? ORDER BY id LIMIT 1')
  const places: Place[] = []
  for (let row = next.get(namesAtOnce); row; row = next.get((row.id as number) + namesAtOnce))
    places.push({ folder: row.folder as number, name: row.name as Uint8Array })
  return places.sort((one, other) => one.folder - other.folder || Buffer.compare(one.name, other.name))
}

/** @param names Between slashes, as no name has one in it. */
function wantedAmong(folder: Buffer, names: Buffer, takes: Wanted['takes']): Buffer[] {
  const isPlain = isAscii(folder) && isAscii(names)
  const before = folder.length === 0 ? '' : `${folder.toString('latin1')}/`
  const found = new Set<string>()
  for (const name of names.toString('latin1').split('/')) {
    const path = `${before}${name}`
    if (takes(isPlain ? path : pathText(Buffer.from(path, 'latin1')))) found.add(name)
  }
  return Array.from(found, (name) => Buffer.from(name, 'latin1'))
}
