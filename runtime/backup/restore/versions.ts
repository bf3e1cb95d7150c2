import type { Entry } from '../../host/points/entry.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'

/** What a restore point has at a path; nothing, where it has none. */
export interface Sighting {
  point: RestorePoint
  entry: Entry | undefined
}

/** A state of an entry that several restore points in a row have. */
export interface Version {
  entry: Entry
  /** When it was seen first and last, as ISO 8601 in UTC. */
  from: string
  to: string
  /** The newest restore point that has it. */
  point: RestorePoint
}

/** The distinct versions of an entry, the newest first. @param sightings Of one path, the newest first. */
export function versionsOf(sightings: readonly Sighting[]): Version[] {
  const versions: Version[] = []
  let isGap = true
  for (const { point, entry } of sightings) {
    const last = versions.at(-1)
    if (entry && last && !isGap && change(entry, last.entry) === undefined) last.from = point.at
    else if (entry) versions.push({ entry, from: point.at, to: point.at, point })
    isGap = !entry
  }
  return versions
}

/** What has changed about an entry. */
export type Change = 'contents' | 'attributes'

/**
 * Compares two states of an entry. Contents are told by their digests where both are known, otherwise by size and time. The
 * time of a folder says only that something in it has come or gone, and is left out.
 * @returns undefined where they are equal.
 */
export function change(before: Entry, after: Entry): Change | undefined {
  if (before.type !== after.type || before.sizeBytes !== after.sizeBytes) return 'contents'
  if (!sameBytes(before.linkTo, after.linkTo)) return 'contents'
  const isSameTime = before.mtimeNs === after.mtimeNs
  if (before.type === 'file' && !isSameContents(before, after)) return 'contents'
  if (before.type !== 'directory' && !isSameTime) return 'attributes'
  const isSame = (key: 'mode' | 'uid' | 'gid') => before[key] === after[key]
  return isSame('mode') && isSame('uid') && isSame('gid') && isSameSet(before, after)
    ? undefined
    : 'attributes'
}

function isSameContents(before: Entry, after: Entry): boolean {
  if (before.sha256 !== undefined && after.sha256 !== undefined) return before.sha256 === after.sha256
  return before.mtimeNs === after.mtimeNs
}

/** ACLs and extended attributes, where both readers tell of them. */
function isSameSet(before: Entry, after: Entry): boolean {
  const [one, other] = [before, after].map((entry) => (entry as { attributes?: string | null }).attributes)
  return one === undefined || other === undefined || one === other
}

function sameBytes(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined ? other === undefined : other !== undefined && one.equals(other)
}

/** How one state of a place differs from another. */
export interface Difference {
  added: Entry[]
  removed: Entry[]
  changed: { before: Entry; after: Entry; what: Change }[]
}

/** Compares two states of a place. All of the first one is held in memory. */
export async function differenceOf(
  before: AsyncIterable<Entry> | Iterable<Entry>,
  after: AsyncIterable<Entry> | Iterable<Entry>,
): Promise<Difference> {
  const left = new Map<string, Entry>()
  for await (const entry of before) left.set(entry.path.toString('latin1'), entry)
  const difference: Difference = { added: [], removed: [], changed: [] }
  for await (const entry of after) {
    const key = entry.path.toString('latin1')
    const known = left.get(key)
    left.delete(key)
    const what = known && change(known, entry)
    if (!known) difference.added.push(entry)
    else if (what) difference.changed.push({ before: known, after: entry, what })
  }
  difference.removed.push(...left.values())
  return difference
}
