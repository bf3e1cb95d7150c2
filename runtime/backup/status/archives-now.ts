import type { Target } from '../../config/config.ts'
import { uncatalogued, uncataloguedInCopy } from '../../host/archive/catalogue/uncatalogued.ts'
import { standingArchives } from '../../host/archive/kept.ts'
import { isMounted } from '../../host/target/is-mounted.ts'
import { type ArchiveRecord, isWeekday, type KeepPoint, pointsOf } from '../keep/points.ts'
import { recordedPoints } from '../keep/recorded.ts'
import { daysOfWeek } from '../keep/tiers.ts'

/** A target, and whether its disks are mounted. */
export interface TargetNow extends Target {
  isThere: boolean
}

/** Looks for the disks of a target: once, however many sources are asked about. */
export function targetNow(target: Target): TargetNow {
  return { ...target, isThere: isThere(target) }
}

/** The archives of a source that stand on the disk, or stood there at the last night where it is not mounted. */
export async function archivesNow(
  source: string,
  to: TargetNow,
  record: ArchiveRecord,
): Promise<KeepPoint[]> {
  try {
    if (to.isThere) return pointsOf(await standingArchives(to, source), record)
  } catch {
    // It cannot be looked at: `check` says why.
  }
  return recordedPoints(record)
}

/**
 * Whether more nights of the record would tell more: of an archive whose night is not known, and where the disk is not mounted
 * of days that none is known of.
 */
export function wantsMoreNights(points: readonly KeepPoint[], to: TargetNow): boolean {
  const days = points.filter(({ folder }) => isWeekday(folder))
  return points.some(({ state }) => state === 'unknown') || (days.length < daysOfWeek && !to.isThere)
}

/**
 * The archives that the catalogue of a source does not know, or its copy where the disk is not mounted.
 * @param points As `archivesNow` tells them. Damaged ones are in no catalogue that is made anew.
 * @returns Their paths.
 */
export async function uncataloguedNow(
  source: string,
  to: TargetNow,
  points: readonly KeepPoint[],
  stateDirectory: string,
): Promise<string[]> {
  const sound = points.filter(({ state }) => state !== 'damaged')
  const target = { name: to.name, stateDirectory }
  const found = to.isThere
    ? await uncatalogued(to.path, source, sound)
    : // What is kept may be a file of its own, of which a catalogue knows under the name of its weekday alone.
      uncataloguedInCopy(target, source, sound.filter(isOfNight))
  return found.map(({ path }) => path)
}

function isThere(to: Target): boolean {
  try {
    return isMounted(to)
  } catch {
    return false
  }
}

/** Older records do not tell the file. */
function isOfNight({ folder, file, path }: KeepPoint): boolean {
  return isWeekday(folder) && file !== path
}
