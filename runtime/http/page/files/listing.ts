import { change } from '../../../backup/restore/versions.ts'
import type { Entry, PointReader } from '../../../host/points/entry.ts'

/** What has become of an entry, as compared with another restore point. */
export type Mark = 'new' | 'changed' | 'gone'

export interface Row {
  entry: Entry
  mark?: Mark
}

/** Of a larger folder the first ones are shown that were found, in the order of their names. */
const mostEntries = 10_000

/** What is at a place. */
export interface Looked {
  itself: Entry | undefined
  /** Of a folder, what is in it, by name. */
  entries: Entry[]
  /** Whether there is more than that. */
  isCut: boolean
}

/** Looks at a place, and no further than somebody reads. */
export async function lookAt(reader: PointReader, path: Buffer): Promise<Looked> {
  let itself: Entry | undefined
  const entries: Entry[] = []
  for await (const entry of reader.entries(path, 1)) {
    if (entry.path.equals(path)) itself = entry
    else entries.push(entry)
    if (entries.length > mostEntries) break
  }
  const isCut = entries.length > mostEntries
  return { itself, entries: entries.slice(0, mostEntries).sort(byKindAndName), isCut }
}

function byKindAndName(one: Entry, other: Entry): number {
  const rank = ({ type }: Entry) => (type === 'directory' ? 0 : 1)
  return rank(one) - rank(other) || Buffer.compare(one.path, other.path)
}

/**
 * Marks what differs from another restore point.
 * @param isNewer Whether the other one is newer: what it has no more is gone since then, what it has beside came later and is
 *   left out. From an older one, what is not here any more is shown, as gone.
 */
export function marked(entries: readonly Entry[], others: readonly Entry[], isNewer: boolean): Row[] {
  const known = new Map(others.map((entry) => [entry.path.toString('latin1'), entry]))
  const rows = entries.map((entry): Row => {
    const key = entry.path.toString('latin1')
    const other = known.get(key)
    known.delete(key)
    if (!other) return { entry, mark: isNewer ? 'gone' : 'new' }
    // That something in it has changed is told of a folder's own entries.
    return entry.type !== 'directory' && change(other, entry) === 'contents'
      ? { entry, mark: 'changed' }
      : { entry }
  })
  if (isNewer) return rows
  const gone = [...known.values()].map((entry): Row => ({ entry, mark: 'gone' }))
  return [...rows, ...gone].sort((one, other) => byKindAndName(one.entry, other.entry))
}
