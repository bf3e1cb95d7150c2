import type { FileSystem } from '../../../events/index.ts'
import type { Forecast } from '../../host/mirror/rsync-output.ts'
import { permittedDeletions } from '../holds/held-names.ts'
import { certainLimit, type DeletionFacts, deletionLimit } from './deletion-limit.ts'

/** A copy that may begin. */
export interface Permitted {
  /** What the source's own limit permits. */
  limit: number
  /** That, and what somebody has released. */
  maxDelete: number
  mirrorFiles: number
  /** Bytes that will be copied, where a dry run has told. */
  totalBytes: number | null
}

/** A sync that is held. */
export interface Stopped {
  reason: 'deletions' | 'file-system'
  /** What it would delete, as in `Forecast`. */
  names: readonly string[]
  /** What it has deleted before it was stopped. */
  deleted: number
  mirrorFiles: number
  limit: number
  fileSystem?: { was: FileSystem; is: FileSystem }
}

/** What is known before a copy, without a dry run. */
export interface CopyFacts extends DeletionFacts {
  isFirst: boolean
  mirrorNames: number | undefined
  /** What somebody has released. */
  released: ReadonlySet<string> | undefined
  /** The source lies elsewhere than at the last good copy. */
  moved: Stopped['fileSystem']
  /** A dry run of rsync. */
  forecast(): Promise<Forecast>
}

/**
 * Makes sure that a copy deletes no more than it may: the source's limit, and beyond it only what was on the list that
 * somebody has released.
 */
export async function permit(facts: CopyFacts): Promise<Permitted | Stopped> {
  const { maxDelete, spent, moved, released } = facts
  // A first copy has nothing to delete.
  if (facts.isFirst && !moved) {
    const limit = deletionLimit(maxDelete, 0)
    return { limit, maxDelete: limit, mirrorFiles: 0, totalBytes: null }
  }
  const certain = moved ? undefined : certainLimit(facts)
  if (certain !== undefined) {
    const mirrorFiles = facts.mirrorFilesAtLeast ?? facts.mirrorNames ?? 0
    return { limit: certain, maxDelete: certain, mirrorFiles, totalBytes: null }
  }
  const { names, ...expected } = await facts.forecast()
  const mirrorFiles = expected.files - expected.created + expected.deleted
  const limit = deletionLimit(maxDelete, mirrorFiles, spent)
  const stopped = { names, deleted: 0, mirrorFiles, limit }
  if (moved) return { reason: 'file-system', ...stopped, fileSystem: moved }
  const permitted = permittedDeletions({ names, released, limit })
  if (permitted === undefined) return { reason: 'deletions', ...stopped }
  return { limit, maxDelete: permitted, mirrorFiles, totalBytes: expected.transferredBytes }
}
