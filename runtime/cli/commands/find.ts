import { namePattern } from '../../backup/restore/name-pattern.ts'
import { reasonOf, UsageError } from '../../errors.ts'
import type { Wanted } from '../../host/archive/catalogue/wanted-names.ts'
import type { Entry } from '../../host/points/entry.ts'
import { pathText } from '../../host/points/path-text.ts'
import { type RestorePoint, withoutCopies } from '../../host/points/restore-point.ts'
import { localMinute } from '../../instant.ts'
import { formatBytes } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import type { Access, WhereOptions } from '../points/access.ts'
import { entryJson } from '../points/entry-text.ts'
import { nameText } from '../points/names.ts'
import { openAccess } from '../points/open-access.ts'
import { rawWord } from '../points/raw-words.ts'

export interface FindOptions extends WhereOptions {
  at?: string
  all?: boolean
  json?: boolean
}

/** Something that was found, and in which restore points it is just so, the newest first. */
interface Match {
  source: string
  entry: Entry
  points: string[]
}

/**
 * `hdsync find`: where a name is or was. In the mirrors unless told otherwise; `--all`: in every restore point.
 * @returns 0 where something was found, 1 where nothing was or a restore point could not be read.
 */
export async function findCommand(
  pattern: string,
  source: string | undefined,
  options: FindOptions,
  io: Io,
): Promise<number> {
  if (pattern === '') throw new UsageError('there is no name to find')
  if (options.at !== undefined && options.all) throw new UsageError('it is either --at or --all')
  await using access = await openAccess(options, io)
  const wanted = namePattern(pathText(rawWord(pattern)))
  const found = new Found()
  const points = await pointsMeant(access, source, options)
  // For a single archive its own reader is as quick.
  const rest = options.all ? await searchTogether(points, access, wanted, found) : points
  let failed = 0
  for (const point of rest) {
    try {
      for await (const entry of access.reader(point).entries())
        if (entry.path.length > 0 && wanted.takes(pathText(entry.path))) found.note(entry, [point])
    } catch (error) {
      failed += 1
      io.stderr(`hdsync: ${point.id}: ${reasonOf(error)}\n`)
    }
  }
  const all = found.matches(points)
  print(all, options, io)
  return access.exitCode(all.length > 0 && failed === 0 ? exitCodes.succeeded : exitCodes.failed)
}

/** Searches all archives that a catalogue knows at once. @returns What is still to be searched. */
async function searchTogether(
  points: readonly RestorePoint[],
  access: Access,
  wanted: Wanted,
  found: Found,
): Promise<RestorePoint[]> {
  const groups = await access.together(points)
  for (const group of groups) {
    using known = group
    for (const batch of known.matching(wanted))
      for (const { entry, points } of batch) found.note(entry, points)
  }
  return points.filter((point) => !groups.some((group) => group.has(point)))
}

async function pointsMeant(
  access: Access,
  source: string | undefined,
  { at, all }: FindOptions,
): Promise<RestorePoint[]> {
  const wanted = source === undefined ? undefined : access.place(source).source
  const points = withoutCopies(
    access.points.filter((point) => wanted === undefined || point.source === wanted),
  )
  if (all) return points
  const names = wanted === undefined ? [...new Set(points.map((point) => point.source))] : [wanted]
  const found: RestorePoint[] = []
  for (const name of names) found.push(await access.point(name, at))
  return found
}

/** What is found, each version once. */
class Found {
  readonly #versions = new Map<string, { entry: Entry; in: Set<RestorePoint> }>()

  note(entry: Entry, points: readonly RestorePoint[]): void {
    const [first] = points
    if (!first) return
    const { path, type, sizeBytes, mtimeNs, mode, uid, gid } = entry
    const key = [first.source, path.toString('latin1'), type, sizeBytes, mtimeNs, mode, uid, gid].join('\0')
    const known = this.#versions.get(key) ?? { entry, in: new Set() }
    for (const point of points) known.in.add(point)
    this.#versions.set(key, known)
  }

  /** By source and path, of each the newest version first. @param order All restore points, the newest first. */
  matches(order: readonly RestorePoint[]): Match[] {
    const ranks = new Map(order.map((point, rank) => [point, rank]))
    const rank = (point: RestorePoint) => ranks.get(point) ?? 0
    const found = [...this.#versions.values()].map(({ entry, in: points }) => {
      const sorted = [...points].sort((one, other) => rank(one) - rank(other))
      const [newest] = sorted as [RestorePoint]
      const match = { source: newest.source, entry, points: sorted.map(({ id }) => id) }
      return { match, rank: rank(newest) }
    })
    // Restore points stand by source, so that ranks tell sources apart as well.
    const bySource = Map.groupBy(found, ({ match }) => match.source)
    return [...bySource.values()].flatMap((group) =>
      group
        .sort(
          (one, other) =>
            Buffer.compare(one.match.entry.path, other.match.entry.path) || one.rank - other.rank,
        )
        .map(({ match }) => match),
    )
  }
}

function print(matches: readonly Match[], { json }: FindOptions, io: Io): void {
  if (json) {
    const all = matches.map(({ source, entry, points }) => ({ source, ...entryJson(entry), points }))
    io.stdout(`${JSON.stringify(all)}\n`)
    return
  }
  for (const { source, entry, points } of matches) {
    const { path, sizeBytes, mtimeNs, type } = entry
    const size = type === 'file' ? formatBytes(sizeBytes) : type
    const more = points.length > 1 ? ` and ${points.length - 1} more` : ''
    const place = nameText(Buffer.concat([Buffer.from(`${source}:`), path]))
    io.stdout(`${place}  ${size}  ${localMinute(Number(mtimeNs / 1_000_000n))}  ${points[0]}${more}\n`)
  }
}
