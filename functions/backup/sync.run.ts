import {
  archiveWeekly,
  backupStart,
  type DataOf,
  type FileSystem,
  mirrorSuspect,
  snapshotCleanup,
  snapshotCreate,
  snapshotExtended,
  snapshotOverflowed,
  snapshotReleased,
  sourceFailed,
  sourceNext,
  sourceSynced,
  sourceWarned,
  syncHeld,
  syncRun,
} from '../../events/index.ts'
import { provesUnchanged } from '../../runtime/backup/earlier-archives.ts'
import { type Context, defineFunction } from '../../runtime/backup/function.ts'
import {
  findRelease,
  isMoved,
  keepHold,
  lastFileSystem,
  type Release,
  spentDeletions,
} from '../../runtime/backup/holds/release.ts'
import { contentsAfter, contentsOf, dueShare } from '../../runtime/backup/mirror/contents.ts'
import { bearsOnDoubt, doubtOf } from '../../runtime/backup/mirror/doubts.ts'
import { isNeedless, lastCopy, leftBy } from '../../runtime/backup/mirror/last-copy.ts'
import { syncMakingRoom } from '../../runtime/backup/mirror/make-room.ts'
import { countOf, mirrorFilesAtLeast } from '../../runtime/backup/mirror/mirror-count.ts'
import { permit, type Stopped } from '../../runtime/backup/mirror/permit.ts'
import { remarksOn } from '../../runtime/backup/mirror/remarks.ts'
import { syncWarning } from '../../runtime/backup/mirror/sync-warning.ts'
import type { LvSource, Source } from '../../runtime/config/config.ts'
import { configured } from '../../runtime/config/lookup.ts'
import type { Emit } from '../../runtime/core/function.ts'
import {
  CancelledError,
  HdsyncError,
  InterruptedError,
  reasonOf,
  SuspectMirrorError,
  TerminalError,
} from '../../runtime/errors.ts'
import type { Comparison, Mirror } from '../../runtime/host/mirror/mirrors.ts'
import { isoOf } from '../../runtime/instant.ts'

const emits = [
  archiveWeekly,
  mirrorSuspect,
  snapshotCleanup,
  snapshotCreate,
  snapshotExtended,
  snapshotOverflowed,
  snapshotReleased,
  sourceFailed,
  sourceNext,
  sourceSynced,
  sourceWarned,
  syncHeld,
] as const

/**
 * Copies a source to its mirror: proves both ends, makes sure that not too much would be deleted, copies (unless nothing
 * has changed since the last copy), and then proves that the snapshot held out until the last byte was read. Then the
 * snapshot goes, and what was copied is brought onto the disk. Interrupted, it is given up: the source has failed, its
 * mirror keeps what has been copied (and is suspect, if the machine went down), and the next run copies the rest.
 */
export default defineFunction({
  on: syncRun,
  emits,
  timeout: '7d',
  concurrency: { key: ({ source }) => source },

  async run({ data, attempt, firstTry, event }, context) {
    const { config, host, run, emit, log } = context
    const { source, target } = configured(config, data.source)
    await host.targets.prove(target, source)
    await using view = source.kind === 'path' ? await host.views.open(source, run.id) : undefined
    const from = view ?? (await host.snapshots.prove(source as LvSource, run.id, target))
    if (view?.warning) {
      emit(sourceWarned, { source: source.name, step: syncRun.type, reason: view.warning }, { attempt })
    }
    const sourceIsEmpty = host.mirrors.isEmpty(from.at)
    const mirror = await host.mirrors.open(target, source)
    if (sourceIsEmpty && !mirror.empty) {
      throw new TerminalError(`${source.name} is empty but its mirror ${mirror.path} is not: not synced`, {
        hint: 'if that is meant to be, empty the mirror by hand',
      })
    }
    const known = mirror.id === undefined ? {} : { mirror: mirror.id }
    const fileSystem = source.kind === 'path' ? await host.fileSystem(source.path) : undefined
    let sizeBytes = 'device' in from ? from.sizeBytes : 0
    const guard =
      source.kind === 'lv' && 'device' in from
        ? host.snapshots.guard(source, from, {
            onExtended(extension) {
              sizeBytes = extension.toBytes
              emit(snapshotExtended, { source: source.name, ...extension }, { attempt })
            },
            onWarning: (message) => log.warn(message),
          })
        : undefined
    // What an earlier try has written to the mirror, this one finds there as if it had been so before.
    const isFirst = firstTry && attempt === 1
    const copied = await settle(
      copy(source, from, mirror, { context, isFirst, fileSystem, signal: guard?.signal }),
    )
    const readTo = isoOf(context.clock.now())
    await guard?.stop()
    // Asked before anything is believed: an overflow also explains whatever else went wrong.
    if (source.kind === 'lv' && 'device' in from && (await host.snapshots.overflowed(from))) {
      const attemptsLeft = Math.max(0, source.mount.attempts - attempt)
      emit(snapshotOverflowed, { source: source.name, sizeBytes, attemptsLeft }, { attempt })
      emit(
        mirrorSuspect,
        { source: source.name, reason: 'its snapshot overflowed while it was copied', ...known },
        { attempt },
      )
      if (attemptsLeft > 0) {
        emit(snapshotCreate, { ...data, overflowedBytes: sizeBytes }, { attempt: attempt + 1 })
        return
      }
      const reason = `its snapshot overflowed in each of ${attempt} attempts`
      emit(sourceFailed, { source: source.name, step: syncRun.type, reason })
      leave(source, data.rest, emit)
      return
    }
    if ('error' in copied) throw copied.error
    if (copied.value.held) hold(source, copied.value.held, context)
    else {
      if (source.kind === 'lv') await release(source, context)
      await host.mirrors.flush(mirror.path)
      const { unchanged, sourceNames, compared, contents, files, otherTimes, ...counts } = copied.value
      const proven = unchanged && firstTry ? { unchanged } : {}
      // A snapshot shows one moment, between these two events.
      const taken = source.kind === 'lv' && context.events.newest([snapshotCreate], source.name)
      const read = taken ? { from: taken.time, to: event.time } : { from: event.time, to: readTo }
      const left = leftBy(source, host.mirrors.identify(target, source), sourceNames, compared ?? read.from)
      emit(sourceSynced, {
        source: source.name,
        ...counts,
        ...proven,
        read,
        ...known,
        ...(left && { left }),
        contents: contentsAfter(contents.compared, { ...contents, at: read.from }),
        ...(fileSystem && { fileSystem }),
        boot: host.boots.current,
      })
      const gaps = source.kind === 'path' ? await host.gaps(source, config, mirror.path) : undefined
      for (const reason of remarksOn({ source, gaps, files, sourceIsEmpty, otherTimes }))
        emit(sourceWarned, { source: source.name, step: syncRun.type, reason }, { attempt })
      forgetHold(source, context)
      if (source.archive) emit(archiveWeekly, { source: source.name })
    }
    leave(source, data.rest, emit)
  },

  giveUp({ data, error }, { config, emit }) {
    const cancelled = error instanceof CancelledError
    const cause = error instanceof HdsyncError ? error.kind : undefined
    const facts = { source: data.source, step: syncRun.type, reason: reasonOf(error), cancelled }
    emit(sourceFailed, { ...facts, ...(cause !== undefined && { cause }) })
    if (spoils(error)) emit(mirrorSuspect, { source: data.source, reason: error.message })
    const source = config.sources[data.source]
    if (source) leave(source, data.rest, emit)
    else emit(sourceNext, { rest: data.rest })
  },
})

type Copied =
  | { held: Stopped }
  | {
      held?: never
      filesTransferred: number
      bytesTransferred: number
      filesDeleted: number
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

interface CopyOptions {
  context: Context
  isFirst: boolean
  /** Where the source lies, as far as that can be told. */
  fileSystem: FileSystem | undefined
  signal: AbortSignal | undefined
}

async function copy(
  source: Source,
  { at: from, exclude: covered = [] }: { at: string; exclude?: string[] },
  mirror: Mirror,
  { context, isFirst, fileSystem, signal }: CopyOptions,
): Promise<Copied> {
  const { host, run, events, clock, log } = context
  const { exclude } = source
  const history = events.recent(bearsOnDoubt, source.name, 100)
  const doubt = doubtOf(history, mirror.id, host.boots, clock.now())
  const checksum = doubt?.of === 'everything'
  if (checksum && !mirror.empty) log.info(`compares contents, not sizes and times alone: ${doubt.reason}`)
  const { path: to, subsecondTimes } = mirror
  const plan = { from, to, exclude: [...exclude, ...covered], subsecondTimes, signal, maxDelete: 0 }
  const writtenIn = doubt?.of === 'written' && !mirror.empty ? doubt : undefined
  const release = releaseOf(source, context)
  const moved = movedFrom(source, fileSystem, release, context)
  const last = isFirst && writtenIn && !moved ? lastCopy(history, source, mirror, clock.now()) : undefined
  const before = contentsOf(history, mirror.id)
  const share = writtenIn && dueShare(before, clock.now())
  const names = await host.mirrors.compare(plan, run.id, { writtenIn, since: last?.since, share })
  if (last && isNeedless(last, names)) {
    const { counted, left } = last
    log.info(
      `not copied: nothing has changed on either side since rsync compared everything, ${left.compared}`,
    )
    const nothing = { filesTransferred: 0, bytesTransferred: 0, filesDeleted: 0, unchanged: true } as const
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
  const known = checksum
    ? undefined
    : mirrorFilesAtLeast({ history, mirror: mirror.id, exclude }, names.mirrorNames)
  const permitted = await permit({
    maxDelete: source.maxDelete,
    isFirst: mirror.empty,
    ...names,
    mirrorFilesAtLeast: known,
    released: release?.names,
    // What was deleted before somebody has said yes belongs to that.
    spent: release ? 0 : spentDeletions(history),
    moved,
    forecast: () => host.mirrors.forecast(plan),
  })
  if ('reason' in permitted) return { held: permitted }
  const { limit, maxDelete, mirrorFiles, totalBytes } = permitted
  if (release) host.held.use(release.hold, run.id)

  if (names.written !== undefined) log.info(comparesContents(names, share))
  const some = names.written === undefined ? undefined : await host.mirrors.syncWritten(plan, names.written)
  const room = {
    totalBytes: mirror.empty ? ('all' as const) : totalBytes,
    history: events.recent(provesUnchanged, source.name, 100),
  }
  const outcome = await syncMakingRoom({ ...plan, checksum, maxDelete }, mirror, room, context)
  const { stats } = outcome
  // The source lost its files only now; rsync itself stopped at the limit.
  if (outcome.kind === 'limited') {
    const { names: left } = await host.mirrors.forecast(plan)
    return { held: { reason: 'deletions', names: left, deleted: stats.deleted, mirrorFiles, limit } }
  }
  const warning = syncWarning(source, to, [outcome, some])
  const counted =
    outcome.kind === 'done' && warning === undefined ? countOf(stats, names.mirrorNames, exclude) : undefined
  // A first copy does not go through the source by itself: where nothing is excluded, rsync has counted all of it.
  const sourceNames = names.sourceNames ?? (exclude.length === 0 ? stats.files : undefined)
  return {
    filesTransferred: stats.transferred + (some?.stats.transferred ?? 0),
    bytesTransferred: stats.transferredBytes + (some?.stats.transferredBytes ?? 0),
    filesDeleted: stats.deleted,
    ...(isUntouched(outcome) && (!some || isUntouched(some)) && { unchanged: true as const }),
    ...(counted && { counted, sourceNames }),
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

function releaseOf({ name }: Source, { host, run, events, log }: Context): Release | undefined {
  const { releases = [] } = events.ofRun(backupStart, 1)[0]?.data ?? {}
  if (releases.length === 0) return undefined
  const last = events.newest([syncHeld, sourceSynced], name)
  const found = findRelease({ releases, last, lists: host.held, run: run.id })
  if (!found || !('void' in found)) return found
  log.warn(`the release of ${name} is void: ${found.void}`)
  return undefined
}

/** Where a directory lay before that lies on another file system now, and where it lies. */
function movedFrom(
  { name }: Source,
  is: FileSystem | undefined,
  release: Release | undefined,
  { events, log }: Context,
): Stopped['fileSystem'] {
  if (!is) return undefined
  const was = lastFileSystem(events.newest([sourceSynced], name))
  if (!was) return undefined
  if (isMoved(was, is, release)) return { was, is }
  if (was.id === is.id && was.inode !== is.inode)
    log.info(`${name} is another folder than at its last good copy`)
  return undefined
}

/** Says that a sync waits, and keeps what it would delete. */
function hold(
  { name }: Source,
  stopped: Stopped,
  { host, run, log, emit }: Context & { emit: Emit<typeof emits> },
) {
  const { held, problem } = keepHold(host.held, { run: run.id, source: name }, stopped)
  if (problem)
    log.warn(`what ${name} would delete could not be kept, so its hold cannot be released: ${problem}`)
  emit(syncHeld, held)
}

/** A success ends the hold that there was, released or not. */
function forgetHold({ name }: Source, { events, host }: Context): void {
  const last = events.newest([syncHeld], name)
  const { hold } = (last?.data ?? {}) as Partial<DataOf<typeof syncHeld>>
  if (hold) host.held.forget(hold)
}

function comparesContents({ suspects = 0 }: Comparison, share: object | undefined): string {
  const files = `${suspects} file${suspects === 1 ? '' : 's'}`
  const why = share
    ? 'this is done for some files each week'
    : 'their times of change tell that they may differ'
  return `compares the contents of ${files} with an unchanged size and time: ${why}`
}

function isUntouched(outcome: Awaited<ReturnType<Context['host']['mirrors']['sync']>>): boolean {
  return outcome.kind === 'done' && outcome.unchanged
}

/** A snapshot costs every write on the live volume: it goes once it has been read. What fails, its cleanup does again. */
async function release(
  source: LvSource,
  { host, run, log, signal, emit }: Context & { emit: Emit<typeof emits> },
): Promise<void> {
  try {
    for (const { vg, lv, ...use } of await host.snapshots.release(source, run.id)) {
      emit(snapshotReleased, { source: source.name, snapshot: { vg, lv }, ...use })
    }
  } catch (error) {
    if (signal.aborted) return
    log.warn(`the snapshot of ${source.name} could not be removed at once: ${reasonOf(error as Error)}`)
  }
}

/** Whether what was copied may be lost although it looks good: the disk failed, or the machine went down. */
function spoils(error: Error): boolean {
  return error instanceof SuspectMirrorError || (error instanceof InterruptedError && error.machineWentDown)
}

/** The snapshot goes before the next source begins; a directory has none. */
function leave(source: Source, rest: string[], emit: Emit<typeof emits>): void {
  if (source.kind === 'lv') emit(snapshotCleanup, { source: source.name, rest })
  else emit(sourceNext, { rest })
}

async function settle<T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await promise }
  } catch (error) {
    return { error }
  }
}
