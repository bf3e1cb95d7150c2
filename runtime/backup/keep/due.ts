import type { KeepPoint } from './points.ts'
import { type KeepRules, keptFor } from './tiers.ts'

/**
 * Which of the archives that are about to be replaced have to be kept: those that something keeps them for once tonight's
 * stands. One of which nothing is known is kept as if it were good; one that is damaged is not.
 * @param points All archives of the source.
 * @param replaced The path of the folder's archives that are going to be replaced.
 * @param tonight When the run began, in milliseconds since the epoch.
 */
export function dueToBeKept(
  points: readonly KeepPoint[],
  replaced: string,
  tonight: number,
  rules: KeepRules,
): KeepPoint[] {
  const sound = points.filter(({ state }) => state !== 'damaged')
  // What a clock that was wrong has put into the future stands in nobody's way.
  const counted = sound.filter(({ at, folder }) => at <= tonight || folder === replaced)
  const kept = keptFor([{ at: tonight }, ...counted], rules)
  return counted.filter((point) => point.folder === replaced && kept.has(point))
}
