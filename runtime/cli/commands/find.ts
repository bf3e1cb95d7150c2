import { isUtf8 } from 'node:buffer'
import { namePattern } from '../../backup/restore/name-pattern.ts'
import { reasonOf, UsageError } from '../../errors.ts'
import type { Entry } from '../../host/points/entry.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { localMinute } from '../../instant.ts'
import { formatBytes } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { type Access, openAccess, type WhereOptions } from '../points/access.ts'
import { entryJson } from '../points/entry-text.ts'
import { nameText } from '../points/names.ts'
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
  if (options.at !== undefined && options.all) throw new UsageError('it is either --at or --all')
  const access = await openAccess(options, io)
  const matches = namePattern(textOf(rawWord(pattern)))
  const found = new Map<string, Match>()
  let failed = 0
  for (const point of pointsMeant(access, source, options)) {
    try {
      for await (const entry of access.reader(point).entries()) {
        if (entry.path.length > 0 && matches(textOf(entry.path))) note(found, point, entry)
      }
    } catch (error) {
      failed += 1
      io.stderr(`hdsync: ${point.id}: ${reasonOf(error)}\n`)
    }
  }
  print([...found.values()], options, io)
  return found.size > 0 && failed === 0 ? exitCodes.succeeded : exitCodes.failed
}

function pointsMeant(access: Access, source: string | undefined, { at, all }: FindOptions): RestorePoint[] {
  const wanted = source === undefined ? undefined : access.place(source).source
  const points = access.points.filter((point) => wanted === undefined || point.source === wanted)
  if (all) return points
  const names = wanted === undefined ? [...new Set(points.map((point) => point.source))] : [wanted]
  return names.map((name) => access.point(name, at))
}

function note(found: Map<string, Match>, { source, id }: RestorePoint, entry: Entry): void {
  const { path, type, sizeBytes, mtimeNs, mode, uid, gid } = entry
  const key = [source, path.toString('latin1'), type, sizeBytes, mtimeNs, mode, uid, gid].join('\0')
  const known = found.get(key)
  if (known) known.points.push(id)
  else found.set(key, { source, entry, points: [id] })
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

function textOf(name: Buffer): string {
  return name.toString(isUtf8(name) ? 'utf8' : 'latin1')
}
