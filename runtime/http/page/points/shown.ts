import type { ArchivedNight } from '../../../backup/keep/points.ts'
import { bySource, type KnownPoints } from '../../../backup/restore/known-points.ts'
import { archiveFile } from '../../../host/archive/archive-file.ts'
import type { RestorePoint } from '../../../host/points/restore-point.ts'
import type { ShownPoint } from './marks.ts'
import type { Outlook } from './next-night.ts'

/** All that is shown of restore points: those that are there, and those that should be, the newest of a source first. */
export function shownPoints({ points, missing }: Pick<KnownPoints, 'points' | 'missing'>): ShownPoint[] {
  return bySource([...points, ...missing.map((point) => ({ ...point, missing: true as const }))])
}

/**
 * The restore points of one source, with a mark on those that are linked to one before.
 * @param files Of archives whose disks are not there, by the ids of their restore points.
 */
export async function withLinks(
  points: readonly ShownPoint[],
  files: KnownPoints['files'],
  outlook: Outlook | undefined,
): Promise<ShownPoint[]> {
  const found = new Map(files)
  for (const { id, kind, path, missing } of points) {
    if (kind === 'mirror' || missing || found.has(id)) continue
    const there = await archiveFile(path)
    if (there) found.set(id, there.file)
  }
  const linked = linkedIds(points, found, outlook?.nights ?? [])
  return points.map((point) => (linked.has(point.id) ? { ...point, linked: true } : point))
}

/**
 * The archives that share their file with one before: it has the same file, or the night that made it found nothing changed.
 * A file system that shares blocks gives each a file of its own.
 * @param files By the ids of restore points.
 * @param nights What is on record of the source, the newest first.
 */
export function linkedIds(
  points: readonly RestorePoint[],
  files: ReadonlyMap<string, string>,
  nights: readonly Pick<ArchivedNight, 'path' | 'file' | 'unchangedSince'>[],
): Set<string> {
  const linked = new Set<string>()
  /** By file, the night of the first archive that it is. */
  const firsts = new Map<string, string>()
  for (const { id, kind, target, path } of points.toSorted((one, other) => (one.at < other.at ? -1 : 1))) {
    const file = files.get(id)
    if (kind === 'mirror' || file === undefined) continue
    const key = `${target} ${file}`
    const night = nightIn(id)
    const first = firsts.get(key) ?? night
    firsts.set(key, first)
    const made = nights.find((one) => one.path === path && one.file === file)
    // What is kept longer is another name of its own night's archive.
    if (first !== night || made?.unchangedSince !== undefined) linked.add(id)
  }
  return linked
}

/** The night that the id of an archive names. */
function nightIn(id: string): string {
  return /\d{4}-\d\d-\d\d/.exec(id)?.[0] ?? id
}
