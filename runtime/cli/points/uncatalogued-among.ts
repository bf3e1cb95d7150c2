import type { KnownPoints } from '../../backup/restore/known-points.ts'
import { archiveFile } from '../../host/archive/archive-file.ts'
import { uncatalogued, uncataloguedInCopy } from '../../host/archive/catalogue/uncatalogued.ts'
import { placeOnDisk } from '../../host/points/find-points.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'

/** What is known of disks that are not there. */
interface Known extends Pick<KnownPoints, 'absent' | 'files'> {
  /** The state directory, which has copies of catalogues; undefined without a config. */
  state: string | undefined
}

/** Those archives among some restore points that no catalogue knows; damaged ones and copies are in none that is made anew. */
export async function uncataloguedAmong(
  points: readonly RestorePoint[],
  known: Known,
): Promise<RestorePoint[]> {
  const archives = points.filter(
    ({ kind, damaged }) => kind !== 'mirror' && kind !== 'copy' && damaged === undefined,
  )
  const found: RestorePoint[] = []
  for (const group of Map.groupBy(archives, ({ source, target }) => `${source} ${target}`).values()) {
    const [first] = group
    if (first)
      found.push(
        ...(await (known.absent.has(first.target) ? inCopy(first, group, known) : onDisk(first, group))),
      )
  }
  return found
}

async function onDisk(first: RestorePoint, group: readonly RestorePoint[]): Promise<RestorePoint[]> {
  const there: { point: RestorePoint; path: string; file: string }[] = []
  for (const point of group)
    there.push({ point, path: point.path, file: (await archiveFile(point.path))?.file ?? '' })
  return (await uncatalogued(placeOnDisk(first).root, first.source, there)).map(({ point }) => point)
}

function inCopy(
  first: RestorePoint,
  group: readonly RestorePoint[],
  { files, state }: Known,
): RestorePoint[] {
  if (state === undefined) return []
  const ofNights = group.flatMap((point) => {
    const file = point.kind === 'weekday' ? files.get(point.id) : undefined
    return file === undefined ? [] : [{ point, path: point.path, file }]
  })
  const target = { name: first.target, stateDirectory: state }
  return uncataloguedInCopy(target, first.source, ofNights).map(({ point }) => point)
}
