import { type Place, placeText } from '../../backup/restore/place.ts'
import { restoreLine } from '../../backup/restore/restore-line.ts'
import { type Sighting, type Version, versionsOf } from '../../backup/restore/versions.ts'
import { reasonOf, UsageError } from '../../errors.ts'
import type { PointReader } from '../../host/points/entry.ts'
import { withoutCopies } from '../../host/points/restore-point.ts'
import { localMinute } from '../../instant.ts'
import { formatBytes } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import type { WhereOptions } from '../points/access.ts'
import { isoOfNs, modeOctal } from '../points/entry-text.ts'
import { nameText } from '../points/names.ts'
import { openAccess } from '../points/open-access.ts'
import { table } from '../table.ts'

/**
 * `hdsync versions`: each distinct version of what is or was at a place, the newest first.
 * @returns 1 where a restore point could not be read.
 * @throws {UsageError} No restore point has anything there.
 */
export async function versionsCommand(
  word: string,
  options: WhereOptions & { json?: boolean },
  io: Io,
): Promise<number> {
  await using access = await openAccess(options, io)
  const place = access.place(word)
  const sightings: Sighting[] = []
  let failed = 0
  for (const point of withoutCopies(access.points.filter(({ source }) => source === place.source))) {
    try {
      sightings.push({ point, entry: await entryAt(access.reader(point), place.path) })
    } catch (error) {
      failed += 1
      io.stderr(`hdsync: ${point.id}: ${reasonOf(error)}\n`)
    }
  }
  const versions = versionsOf(sightings)
  const text = nameText(Buffer.from(placeText(place)))
  if (versions.length === 0 && failed === 0) {
    throw new UsageError(`no restore point has ${text}`, {
      hint: `hdsync find NAME ${place.source} --all looks for names`,
    })
  }
  if (options.json) io.stdout(`${JSON.stringify({ versions: versions.map(versionJson) })}\n`)
  else io.stdout(versionsText(versions, place, options, io))
  return access.exitCode(failed === 0 ? exitCodes.succeeded : exitCodes.failed)
}

async function entryAt(reader: PointReader, path: Buffer): Promise<Sighting['entry']> {
  for await (const entry of reader.entries(path, 0)) return entry
  return undefined
}

function versionJson({ entry, from, to, point }: Version): Record<string, unknown> {
  const { sizeBytes, mtimeNs, mode, sha256 } = entry
  return {
    from,
    to,
    sizeBytes,
    modifiedAt: isoOfNs(mtimeNs),
    mode: modeOctal(mode),
    point: point.id,
    ...(sha256 !== undefined && { sha256 }),
  }
}

function versionsText(
  versions: readonly Version[],
  place: Place,
  where: WhereOptions,
  { width }: Io,
): string {
  const minute = (at: string) => localMinute(Date.parse(at))
  const rows = versions.map(({ entry, from, to }) => [
    minute(from),
    minute(to),
    entry.type === 'file' ? formatBytes(entry.sizeBytes) : entry.type,
    localMinute(Number(entry.mtimeNs / 1_000_000n)),
    modeOctal(entry.mode),
  ])
  const [head, ...lines] = table([['FROM', 'TO', 'SIZE', 'MODIFIED', 'MODE'], ...rows], width).split('\n')
  const told = versions.map(
    ({ point }, n) => `${lines[n]}\n  ${restoreLine([place], { ...where, at: point.id })}\n`,
  )
  return `${head}\n${told.join('')}`
}
