import { change } from '../../../backup/restore/versions.ts'
import type { Entry, PointReader } from '../../../host/points/entry.ts'
import { Problem } from '../../problem.ts'

/** What has become of an entry, as compared with another restore point. */
export type Mark = 'new' | 'changed' | 'gone'

export interface Row {
  entry: Entry
  mark?: Mark
}

/** A folder holds no more than that for the page: beyond it there is the command. */
const mostEntries = 100_000

/** What is at a place: itself, and of a folder what is in it, by name. @throws {Problem} Nothing is there. */
export async function lookAt(
  reader: PointReader,
  path: Buffer,
): Promise<{ itself: Entry | undefined; entries: Entry[] }> {
  let itself: Entry | undefined
  const entries: Entry[] = []
  for await (const entry of reader.entries(path, 1)) {
    if (entry.path.equals(path)) itself = entry
    else entries.push(entry)
    if (entries.length > mostEntries)
      throw new Problem('invalid-parameter', 'This folder holds more than 100,000 entries.', {
        hint: 'hdsync ls lists them',
      })
  }
  return { itself, entries: entries.sort(byKindAndName) }
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
