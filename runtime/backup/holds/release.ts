import { createHash } from 'node:crypto'
import {
  type DataOf,
  type Envelope,
  type FileSystem,
  readStored,
  sourceSynced,
  type syncHeld,
} from '../../../events/index.ts'
import { reasonOf } from '../../errors.ts'
import type { HeldLists } from '../../host/mirror/held-lists.ts'
import { liesElsewhere } from '../../host/mount/file-system-of.ts'
import type { Stopped } from '../mirror/permit.ts'
import { listOf, namesIn, summariseNames } from './held-names.ts'
import { holdOf } from './holds.ts'

/** What a run may delete and change beyond a source's limits: what stood on the list of the hold that it releases. */
export interface Release {
  hold: string
  names: ReadonlySet<string>
  changes: ReadonlySet<string>
  /** The file system that somebody has said yes to, where that was the question. */
  fileSystem: string | undefined
}

/** What decides whether a release is still valid. */
export interface ReleaseFacts {
  /** The holds that the run may go beyond. */
  releases: readonly string[]
  /** The newest hold or success of the source. */
  last: Envelope | undefined
  lists: HeldLists
  run: string
}

/** The release of a source, or why it is void; undefined where none was asked for. */
export function findRelease({
  releases,
  last,
  lists,
  run,
}: ReleaseFacts): Release | { void: string } | undefined {
  if (releases.length === 0) return undefined
  const facts = last && holdOf(last)?.facts
  if (!facts?.hold || !releases.includes(facts.hold)) return { void: 'it was synced or held anew since' }
  const list = lists.read(facts.hold, facts.digest, run)
  if (list) {
    const { deleted, changed } = namesIn(list)
    const fileSystem = facts.fileSystem?.is.id
    return { hold: facts.hold, names: new Set(deleted), changes: new Set(changed), fileSystem }
  }
  const user = lists.usedBy(facts.hold)
  return { void: user ? `run ${user} has used it` : 'what it permits is not on record any more' }
}

/**
 * Keeps what a held sync would delete and change, for its release.
 * @returns The data of `sync.held`, and why it cannot be released, if the list could not be kept.
 */
export function keepHold(
  lists: HeldLists,
  { run, source }: { run: string; source: string },
  { names, changes, ...stopped }: Stopped,
): { held: DataOf<typeof syncHeld>; problem?: string } {
  const list = listOf({ deleted: names, changed: changes?.names ?? [] })
  const deletions = stopped.deleted + names.length
  const held = {
    ...{ source, ...stopped, deletions, ...summariseNames(names) },
    ...(changes && { changes: changesOf(changes) }),
  }
  // A run holds a source once: a repeated attempt gives the same hold.
  const hold = createHash('sha256').update(`${run}\0${source}`).digest('hex').slice(0, 12)
  try {
    return { held: { ...held, hold, digest: lists.keep(hold, list) } }
  } catch (error) {
    return { held, problem: reasonOf(error as Error) }
  }
}

function changesOf({ names, limit, mirrorFiles }: NonNullable<Stopped['changes']>) {
  const { files, byFolder } = summariseNames(names)
  const folders = byFolder.map((folder) => ({ path: folder.path, files: folder.files }))
  return { files, limit, mirrorFiles, byFolder: folders }
}

/** Deletions since the last good copy, made by copies that were stopped at their limit. @param history Newest first. */
export function spentDeletions(history: readonly Envelope[]): number {
  const synced = history.findIndex(({ type }) => type === sourceSynced.type)
  const since = synced < 0 ? history : history.slice(0, synced)
  return since.reduce((sum, event) => sum + spentBy(event), 0)
}

/** Released deletions do not count: they came on top of the limit. */
function spentBy(event: Envelope): number {
  const { deleted = 0, limit = 0 } = holdOf(event)?.facts ?? {}
  return Math.min(deleted, limit)
}

/** Where a source lay at its last good copy. */
export function lastFileSystem(synced: Envelope | undefined): FileSystem | undefined {
  return synced && readStored(sourceSynced, synced.data).data?.fileSystem
}

/** Whether a source lies elsewhere than at its last good copy, and nobody has said yes to that. */
export function isMoved(
  was: FileSystem | undefined,
  is: FileSystem | undefined,
  release: Release | undefined,
): boolean {
  return was !== undefined && is !== undefined && liesElsewhere(was, is) && release?.fileSystem !== is.id
}
