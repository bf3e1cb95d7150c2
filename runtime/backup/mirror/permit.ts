import type { FileSystem } from '../../../events/index.ts'
import type { Forecast } from '../../host/mirror/rsync-output.ts'
import { permittedBeyond } from '../holds/held-names.ts'
import { type ChangeFacts, certainChanges, changeLimit } from './change-limit.ts'
import { certainLimit, type DeletionFacts, deletionLimit } from './deletion-limit.ts'

/** A copy that may begin. */
export interface Permitted {
  /** What the source's own limit permits. */
  limit: number
  /** That, and what somebody has released. */
  maxDelete: number
  mirrorFiles: number
  /** How many files may be changed, with what somebody has released; undefined where that is not limited. */
  changesAllowed?: number | undefined
  /** Bytes that will be copied, where a dry run has told. */
  totalBytes: number | null
}

/** A sync that is held. */
export interface Stopped {
  reason: 'deletions' | 'changes' | 'file-system'
  /** What it would delete, as in `Forecast`. */
  names: readonly string[]
  /** What it has deleted before it was stopped. */
  deleted: number
  mirrorFiles: number
  limit: number
  /** Files that it would change, where those are too many; `mirrorFiles` are the regular files of the mirror. */
  changes?: { names: readonly string[]; limit: number; mirrorFiles: number }
  fileSystem?: { was: FileSystem; is: FileSystem }
}

/** What is known before a copy, without a dry run. */
export interface CopyFacts extends DeletionFacts, ChangeFacts {
  isFirst: boolean
  mirrorNames: number | undefined
  /** What somebody has released: what is deleted, and what is changed. */
  released: ReadonlySet<string> | undefined
  releasedChanges?: ReadonlySet<string> | undefined
  /** The source lies elsewhere than at the last good copy. */
  moved: Stopped['fileSystem']
  /** A dry run of rsync. */
  forecast(): Promise<Forecast>
}

/**
 * Makes sure that a copy deletes and changes no more than it may: the source's limits, and beyond them only what was on the
 * list that somebody has released. A list has all that is beyond a limit, so that one release is enough.
 */
export async function permit(facts: CopyFacts): Promise<Permitted | Stopped> {
  const { maxDelete, maxChange, spent, moved, released, releasedChanges } = facts
  // A first copy has nothing to delete or to change.
  if (facts.isFirst && !moved) {
    const limit = deletionLimit(maxDelete, 0)
    return { limit, maxDelete: limit, mirrorFiles: 0, totalBytes: null }
  }
  const certain = moved ? undefined : certainLimit(facts)
  const changes = certainChanges(facts)
  if (certain !== undefined && changes.certain) {
    const mirrorFiles = facts.mirrorFilesAtLeast ?? facts.mirrorNames ?? 0
    const changesAllowed = changes.limit
    return { limit: certain, maxDelete: certain, changesAllowed, mirrorFiles, totalBytes: null }
  }
  const { names, changedNames, mirrorRegular, ...expected } = await facts.forecast()
  const mirrorFiles = expected.files - expected.created + expected.deleted
  const limit = deletionLimit(maxDelete, mirrorFiles, spent)
  const mostChanges = changeLimit(maxChange, mirrorRegular)
  const stopped = {
    ...{ names, deleted: 0, mirrorFiles, limit },
    ...(mostChanges !== undefined &&
      changedNames.length > mostChanges && {
        changes: { names: changedNames, limit: mostChanges, mirrorFiles: mirrorRegular },
      }),
  }
  if (moved) return { reason: 'file-system', ...stopped, fileSystem: moved }
  const permitted = permittedBeyond({ names, released, limit })
  if (permitted === undefined) return { reason: 'deletions', ...stopped }
  const changesAllowed =
    mostChanges === undefined
      ? Number.POSITIVE_INFINITY
      : permittedBeyond({ names: changedNames, released: releasedChanges, limit: mostChanges })
  if (changesAllowed === undefined) return { reason: 'changes', ...stopped }
  return {
    ...{ limit, maxDelete: permitted, mirrorFiles, totalBytes: expected.transferredBytes },
    ...(mostChanges !== undefined && { changesAllowed }),
  }
}
