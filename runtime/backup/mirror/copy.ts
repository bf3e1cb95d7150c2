import type { DataOf, FileSystem, sourceSynced } from '../../../events/index.ts'
import type { Source } from '../../config/config.ts'
import type { Comparison } from '../../host/mirror/compare.ts'
import type { Mirror } from '../../host/mirror/mirrors.ts'
import type { SyncPlan } from '../../host/mirror/rsync-argv.ts'
import type { SyncOutcome } from '../../host/mirror/rsync-exit-codes.ts'
import type { View } from '../../host/mount/views.ts'
import { provesUnchanged } from '../earlier-archives.ts'
import type { Context } from '../function.ts'
import { spentDeletions } from '../holds/release.ts'
import { releaseFor } from '../holds/source-hold.ts'
import { regularAtLeast } from './change-limit.ts'
import { type contentsAfter, contentsOf, dueShare } from './contents.ts'
import { bearsOnDoubt, doubtOf } from './doubts.ts'
import { isNeedless, lastCopy } from './last-copy.ts'
import { syncMakingRoom } from './make-room.ts'
import { countOf, mirrorFilesAtLeast } from './mirror-count.ts'
import { movedFrom } from './moved.ts'
import { permit, type Stopped } from './permit.ts'
import { syncListed } from './sync-listed.ts'
import { syncWarning } from './sync-warning.ts'

/** What a copy did, and what it has found out. */
export interface CopyDone {
  filesTransferred: number
  bytesTransferred: number
  filesDeleted: number
  filesChanged?: number
  changesAllowed?: number
  unchanged?: true
  warning?: string
  counted?: DataOf<typeof sourceSynced>['counted']
  /** Entries of the source, where that is known. */
  sourceNames?: number | undefined
  /** When rsync compared everything, where it was not done now. */
  compared?: string
  /** Entries of what is copied. */
  files: number
  /** Entries whose times the mirror did not take. */
  otherTimes: string[]
  /** What has been compared by contents. */
  contents: {
    compared: Parameters<typeof contentsAfter>[0]
    before: ReturnType<typeof contentsOf>
    sizeBytes: number | undefined
  }
}

/** A copy is held, or done. */
export type CopyResult = { held: Stopped } | ({ held?: never } & CopyDone)

export interface CopyOptions {
  context: Context
  isFirst: boolean
  /** Where the source lies, as far as that can be told. */
  fileSystem: FileSystem | undefined
  signal: AbortSignal | undefined
}

/**
 * Copies a source to its mirror, unless that would delete too much, or nothing has changed since the last copy.
 * @param read Where it is read; a directory is made fit for rsync only where rsync is started.
 * @throws As Mirrors.sync, and {TerminalError} Something has moved in a snapshot.
 */
export async function copy(
  source: Source,
  read: Pick<View, 'at'> & Partial<View>,
  mirror: Mirror,
  { context, isFirst, fileSystem, signal }: CopyOptions,
): Promise<CopyResult> {
  const { host, run, events, clock, log } = context
  // What is mounted in a directory counts: what that covers is neither copied nor deleted.
  const exclude = [...source.exclude, ...(read.exclude ?? [])]
  const history = events.recent(bearsOnDoubt, source.name, 100)
  const doubt = doubtOf(history, mirror.id, host.boots, clock.now())
  const checksum = doubt?.of === 'everything'
  if (checksum && !mirror.empty) log.info(`compares contents, not sizes and times alone: ${doubt.reason}`)
  const { path: to, subsecondTimes } = mirror
  const limitsChanges = source.maxChange !== 'auto'
  const writtenIn = doubt?.of === 'written' && !mirror.empty ? doubt : undefined
  const release = releaseFor(source, context)
  const moved = movedFrom(source, fileSystem, release, context)
  const last =
    isFirst && writtenIn && !moved
      ? lastCopy(history, { ...source, exclude }, mirror, clock.now())
      : undefined
  const before = contentsOf(history, mirror.id)
  const share = writtenIn && dueShare(before, clock.now())
  const names = await host.mirrors.compare({ from: read.at, to, signal }, run.id, {
    ...{ writtenIn, since: last?.since, share },
    changes: limitsChanges,
  })
  if (last && isNeedless(last, names)) {
    const { counted, left } = last
    log.info(
      `not copied: nothing has changed on either side since the last copy; rsync compared everything ${left.compared}`,
    )
    const nothing = {
      filesTransferred: 0,
      bytesTransferred: 0,
      filesDeleted: 0,
      filesChanged: 0,
      unchanged: true,
    } as const
    const contents = { compared: undefined, before, sizeBytes: undefined }
    const { files } = counted
    return {
      ...nothing,
      files,
      otherTimes: [],
      counted,
      sourceNames: left.sourceNames,
      compared: left.compared,
      contents,
    }
  }
  await read.forRsync?.()
  const { at: from, exclude: covered = [] } = read
  const plan: SyncPlan = {
    ...{ from, to, exclude: [...source.exclude, ...covered], subsecondTimes, signal, maxDelete: 0 },
    ...(limitsChanges && { changes: true, checksum }),
  }
  const known = checksum
    ? undefined
    : mirrorFilesAtLeast({ history, mirror: mirror.id, exclude }, names.mirrorNames)
  const permitted = await permit({
    maxDelete: source.maxDelete,
    maxChange: source.maxChange,
    isFirst: mirror.empty,
    ...names,
    // Of a mirror that is compared by contents, nothing but that tells.
    changesAtMost: checksum ? undefined : names.changesAtMost,
    regularAtLeast: regularAtLeast(names, known),
    mirrorFilesAtLeast: known,
    released: release?.names,
    releasedChanges: release?.changes,
    // A release covers what was deleted before it.
    spent: release ? 0 : spentDeletions(history),
    moved,
    forecast: () => host.mirrors.forecast(plan, names.written),
  })
  if ('reason' in permitted) return { held: permitted }
  const { limit, maxDelete, mirrorFiles, totalBytes, changesAllowed } = permitted
  if (release) host.held.use(release.hold, run.id)

  if (names.written !== undefined) log.info(comparesContents(names, share))
  const some = names.written === undefined ? undefined : await host.mirrors.syncWritten(plan, names.written)
  const room = {
    totalBytes: mirror.empty ? ('all' as const) : totalBytes,
    history: events.recent(provesUnchanged, source.name, 100),
  }
  const listable = read.holds === false ? undefined : last
  const whole = { ...plan, checksum, maxDelete }
  const { outcome, compared } = await syncListed(whole, listable, names, (plan) =>
    syncMakingRoom(plan, mirror, room, context),
  )
  const { stats } = outcome
  // The source lost files during the copy; rsync stopped at the limit.
  if (outcome.kind === 'limited') {
    const { names: left } = await host.mirrors.forecast(plan)
    return { held: { reason: 'deletions', names: left, deleted: stats.deleted, mirrorFiles, limit } }
  }
  const warning = syncWarning(source, to, [outcome, some])
  const counted =
    outcome.kind === 'done' && warning === undefined ? countOf(stats, names.mirrorNames, exclude) : undefined
  // A first copy does not walk the source; where nothing is excluded, rsync has counted all of it.
  const sourceNames = names.sourceNames ?? (exclude.length === 0 ? stats.files : undefined)
  return {
    filesTransferred: stats.transferred + (some?.stats.transferred ?? 0),
    bytesTransferred: stats.transferredBytes + (some?.stats.transferredBytes ?? 0),
    filesDeleted: stats.deleted,
    filesChanged: (stats.changed ?? 0) + (some?.stats.changed ?? 0),
    ...(changesAllowed !== undefined && { changesAllowed }),
    ...(isUntouched(outcome) && (!some || isUntouched(some)) && { unchanged: true as const }),
    ...(counted && { counted, sourceNames }),
    ...(compared && { compared }),
    files: stats.files,
    otherTimes: await host.mirrors.whereTimesDiffer(plan, names.oddTimes ?? new Uint8Array()),
    contents: {
      compared: checksum || mirror.empty ? 'everything' : share,
      before,
      sizeBytes: stats.sizeBytes,
    },
    ...(warning !== undefined && { warning }),
  }
}

function comparesContents({ suspects = 0 }: Comparison, share: object | undefined): string {
  const files = `${suspects} file${suspects === 1 ? '' : 's'}`
  const why = share
    ? 'this is done for some files each week'
    : 'their times of change tell that they may differ'
  return `compares the contents of ${files} with an unchanged size and time: ${why}`
}

function isUntouched(outcome: SyncOutcome): boolean {
  return outcome.kind === 'done' && outcome.unchanged
}
