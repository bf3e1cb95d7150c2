import type { HostRecord } from '../../host/vault/record.ts'
import { isoOf } from '../../instant.ts'
import type { OfferedArchive } from '../../vault-protocol.ts'
import { dateOf } from '../../weekday.ts'
import { flood } from './flood.ts'

/**
 * Chooses which archive of a host is fetched next: the newest that the vault never had, or has damaged alone. Older ones than the
 * newest of a source wait for another day where so many in one would be odd.
 * @param listed What the host has. @param passed SHA-256 of those that were attempted. @param now Milliseconds since the epoch.
 */
export function nextToPull(
  listed: readonly OfferedArchive[],
  record: Pick<HostRecord, 'arrivals' | 'copies'>,
  passed: ReadonlySet<string>,
  now: number,
): { next: OfferedArchive | undefined; waiting: number } {
  const newestFirst = listed.toSorted((one, other) => Date.parse(other.at) - Date.parse(one.at))
  const newest = new Map<string, OfferedArchive>()
  for (const one of newestFirst) if (!newest.has(one.source)) newest.set(one.source, one)
  const damaged = new Set(record.copies.flatMap(({ damaged, file }) => (damaged ? [file] : [])))
  const had = new Set(record.arrivals.flatMap((one) => (damaged.has(one.file) ? [] : [nightOf(one)])))
  const missing = newestFirst.filter((one) => !had.has(nightOf(one)))
  const open = missing.filter(({ sha256 }) => !passed.has(sha256))
  return { next: open.find(mayCome), waiting: missing.length }

  function mayCome(archive: OfferedArchive): boolean {
    if (newest.get(archive.source) === archive) return true
    const earlier = record.arrivals.filter(({ source }) => source === archive.source)
    return flood([...earlier, { ...archive, provedAt: isoOf(now), isReleased: false }]) === undefined
  }
}

/** A night, and its bytes. The moment may be told anew once the host has no record of it. */
function nightOf({ source, at, sha256 }: OfferedArchive): string {
  return `${source} ${dateOf(Date.parse(at))} ${sha256}`
}
