import type { Comparison } from '../../host/mirror/compare.ts'
import type { SyncPlan } from '../../host/mirror/rsync-argv.ts'
import type { SyncOutcome } from '../../host/mirror/rsync-exit-codes.ts'
import type { SyncStats } from '../../host/mirror/rsync-output.ts'
import { isAsLeft, type LastCopy } from './last-copy.ts'

/** How a copy ended, as if it had looked at everything. */
export interface Ended {
  outcome: SyncOutcome
  /** When rsync compared everything, where it was not done now. */
  compared?: string
}

/**
 * Copies what is listed, or where that would not do, everything. What is to be deleted is known by its number: where that is
 * not reached, a folder has taken the place of another one unseen, and everything is compared after all.
 * @param last The copy since which what is listed has changed; undefined where no list is to be used.
 * @param sync Does `syncMakingRoom`.
 */
export async function syncListed(
  plan: SyncPlan,
  last: LastCopy | undefined,
  names: Comparison,
  sync: (plan: SyncPlan) => Promise<SyncOutcome>,
): Promise<Ended> {
  const { listed, mirrorNames, deletionsAtMost = 0 } = names
  // What is excluded, and was removed from the mirror or added to it, would be taken for copied. A plan counts nothing.
  const isCertain = last && (mirrorNames === undefined || isAsLeft(last, names))
  if (!isCertain || listed === undefined) return { outcome: await sync(plan) }
  const outcome = await sync({ ...plan, listed })
  const { sizeBytes: _, ...stats } = outcome.stats
  const isWhole = stats.deleted >= deletionsAtMost - last.counted.notCopied
  if (isWhole || outcome.kind !== 'done' || outcome.leftOut) {
    // Rsync has counted what was listed alone, and that in part twice.
    const files = last.counted.files + stats.created - stats.deleted
    return { outcome: { ...outcome, stats: { ...stats, files } }, compared: last.left.compared }
  }
  const rest = await sync({ ...plan, maxDelete: plan.maxDelete - stats.deleted })
  const all = { ...rest, stats: sumOf(stats, rest.stats) }
  return { outcome: all.kind === 'done' ? { ...all, unchanged: all.unchanged && outcome.unchanged } : all }
}

/** What two copies did, of which the other one looked at everything. */
function sumOf(one: SyncStats, other: SyncStats): SyncStats {
  return {
    ...other,
    created: one.created + other.created,
    deleted: one.deleted + other.deleted,
    transferred: one.transferred + other.transferred,
    transferredBytes: one.transferredBytes + other.transferredBytes,
    changed: (one.changed ?? 0) + (other.changed ?? 0),
  }
}
