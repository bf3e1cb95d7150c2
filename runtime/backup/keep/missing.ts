import { dataOf, type Envelope, sourceKept } from '../../../events/index.ts'
import type { RestorePoint } from '../../host/points/restore-point.ts'

/** So many nights back is looked for what was pruned: an archive that is older is not called missing. */
export const nightsLookedAt = 60

/** What was pruned of a source. */
export interface Pruned {
  /** By path, when it went, in milliseconds since the epoch. */
  at: ReadonlyMap<string, number>
  /** From when on this is complete. */
  since: number
}

/** @param kept Events of the kind `source.kept` of one source, the newest first, `nightsLookedAt` of them at most. */
export function prunedOf(kept: readonly Envelope[]): Pruned {
  const at = new Map<string, number>()
  for (const event of kept)
    for (const path of dataOf(sourceKept, event)?.pruned ?? [])
      if (!at.has(path)) at.set(path, Date.parse(event.time))
  const oldest = kept.length < nightsLookedAt ? undefined : kept.at(-1)
  return { at, since: oldest ? Date.parse(oldest.time) : 0 }
}

/**
 * Archives that are on record, but not on their disks, although those are there. A mirror is not among them: an empty one is
 * no restore point.
 * @param recorded What the record tells of on disks that are there.
 * @param seen What was found on them.
 */
export function notThere(
  recorded: readonly RestorePoint[],
  seen: readonly Pick<RestorePoint, 'path'>[],
): RestorePoint[] {
  const there = new Set(seen.map(({ path }) => path))
  return recorded.filter(({ kind, path }) => kind !== 'mirror' && !there.has(path))
}

/** Whether an archive that is not there should be. @param pruned What was pruned of its source. */
export function isMissing(
  { kind, path, at }: Pick<RestorePoint, 'kind' | 'path' | 'at'>,
  { at: went, since }: Pruned,
): boolean {
  // The record has what is kept, and what is copied, as it was left by the last night.
  if (kind !== 'weekday') return true
  const written = Date.parse(at)
  return written >= since && !((went.get(path) ?? 0) > written)
}
