import { UsageError } from '../../errors.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'
import { localMinute } from '../../instant.ts'
import { didYouMean } from '../../nearest.ts'
import { formatBytes } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import { ageText } from '../format.ts'
import type { Io } from '../io.ts'
import type { Access, WhereOptions } from '../points/access.ts'
import { openAccess } from '../points/open-access.ts'
import { mendText, staleText } from '../points/stale-text.ts'
import { table } from '../table.ts'

/**
 * `hdsync backups`: the restore points of all sources or of one, the newest first. Looks only, and mounts nothing: of disks
 * that are not mounted it tells what the record has.
 */
export async function backupsCommand(
  source: string | undefined,
  options: WhereOptions & { json?: boolean; from?: string },
  io: Io,
): Promise<number> {
  await using access = await openAccess({ ...options, copy: options.from }, io)
  if (source !== undefined) checkSource(source, access)
  const wanted = access.points.filter((point) => source === undefined || point.source === source)
  const unknown = await access.uncatalogued(wanted)
  const points = wanted.map((point) =>
    unknown.includes(point) ? { ...point, catalogued: false as const } : point,
  )
  for (const [name, some] of Map.groupBy(unknown, (point) => point.source))
    io.stderr(
      `hdsync: ${staleText(
        name,
        some.map(({ id }) => id),
      )}${mendText(name, access.config !== undefined)}\n`,
    )
  for (const [target, reason] of access.absent) {
    // What a vault has, the record tells, or it was asked.
    if (access.config && !access.config.targets[target]) continue
    io.stderr(
      `hdsync: the disk of target ${target} cannot be looked at: ${reason}; of it only the record tells\n`,
    )
  }
  if (options.json) io.stdout(`${JSON.stringify(points)}\n`)
  else io.stdout(points.length > 0 ? pointsTable(points, io) : 'no restore points yet\n')
  return points.length === 0 && access.absent.size > 0 ? exitCodes.failed : exitCodes.succeeded
}

function checkSource(source: string, { sources }: Access): void {
  const names = sources.map(({ name }) => name)
  if (names.includes(source)) return
  throw new UsageError(`there is no source ${JSON.stringify(source)}`, {
    hint: didYouMean(source, names) ?? `there is ${names.join(', ')}`,
  })
}

function pointsTable(points: readonly RestorePoint[], { width }: Io): string {
  const now = Date.now()
  // Where no drill was ever made there is nothing to tell of it.
  const isDrilled = points.some(({ provenRestoreAt }) => provenRestoreAt !== undefined)
  const since = (iso: string | undefined) => (iso === undefined ? '-' : ago(now - Date.parse(iso)))
  const rows = points.map(
    ({ id, at, kind, files, sizeBytes, target, provenAt, provenRestoreAt, damaged }) => [
      id,
      localMinute(Date.parse(at)),
      kind,
      files === undefined ? '-' : String(files),
      sizeBytes === undefined ? '-' : formatBytes(sizeBytes),
      target,
      damaged !== undefined ? 'DAMAGED' : since(provenAt),
      ...(isDrilled ? [since(provenRestoreAt)] : []),
    ],
  )
  return table(
    [['ID', 'WHEN', 'KIND', 'FILES', 'SIZE', 'ON', 'PROVEN', ...(isDrilled ? ['RESTORED'] : [])], ...rows],
    width,
  )
}

function ago(ms: number): string {
  return ms < 60_000 ? ageText(ms) : `${ageText(ms)} ago`
}
