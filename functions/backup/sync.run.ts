import {
  mirrorFlush,
  mirrorSuspect,
  snapshotCleanup,
  snapshotCreate,
  snapshotExtended,
  snapshotOverflowed,
  sourceAfter,
  sourceFailed,
  sourceNext,
  sourceWarned,
  syncHeld,
  syncRun,
  syncUnusual,
} from '../../events/index.ts'
import { configured } from '../../runtime/backup/configured.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction, type LvSource, type Source } from '../../runtime/backup/function.ts'
import { tellHold } from '../../runtime/backup/holds/source-hold.ts'
import { copiedBy } from '../../runtime/backup/mirror/copied.ts'
import { copy } from '../../runtime/backup/mirror/copy.ts'
import { closeSourceGate } from '../../runtime/backup/mirror/copy-gate.ts'
import { spoils } from '../../runtime/backup/mirror/may-be-lost.ts'
import { openMirror } from '../../runtime/backup/mirror/open-mirror.ts'
import { tellOverflow } from '../../runtime/backup/mirror/overflow.ts'
import { canaryOf } from '../../runtime/backup/proof/drill-canary.ts'
import type { Emit } from '../../runtime/core/function.ts'
import { isoOf } from '../../runtime/instant.ts'

/**
 * Copies a source to its mirror, within its limits, unless nothing has changed, and proves that the snapshot was still valid at
 * the last byte; the copy is good once `mirror.flush` has flushed it. Interrupted, it is given up: the next run copies the rest.
 */
export default defineFunction({
  on: syncRun,
  emits: [
    mirrorFlush,
    mirrorSuspect,
    snapshotCleanup,
    snapshotCreate,
    snapshotExtended,
    snapshotOverflowed,
    sourceAfter,
    sourceFailed,
    sourceNext,
    sourceWarned,
    syncHeld,
    syncUnusual,
  ],
  timeout: '7d',
  concurrency: { key: ({ source }) => source },

  async run({ data, attempt, firstTry, event }, context) {
    const { config, host, run, events, emit, log, clock } = context
    const { source, target } = configured(config, data.source)
    const { name } = source
    await host.targets.prove(target, source)
    await using view = source.kind === 'path' ? await host.views.open(source, run.id) : undefined
    const from = view ?? (await host.snapshots.prove(source as LvSource, run.id, target))
    const { mirror, sourceIsEmpty } = await openMirror(host, target, source, from.at)
    const fileSystem = source.kind === 'path' ? await host.fileSystem(source.path) : undefined
    const snapshot = source.kind === 'lv' && 'device' in from ? from : undefined
    let sizeBytes = snapshot?.sizeBytes ?? 0
    const guard =
      snapshot &&
      host.snapshots.guard(source as LvSource, snapshot, {
        onExtended(extension) {
          sizeBytes = extension.toBytes
          emit(snapshotExtended, { source: name, ...extension }, { attempt })
        },
        onWarning: (message) => log.warn(message),
      })
    // After an earlier attempt, what that has copied would look unchanged.
    const options = { context, isFirst: firstTry && attempt === 1, fileSystem, signal: guard?.signal }
    const [result] = await Promise.allSettled([copy(source, from, mirror, options)])
    const readTo = isoOf(clock.now())
    await guard?.stop()
    const reason = view?.warning
    if (reason) emit(sourceWarned, { source: name, step: syncRun.type, reason }, { attempt })
    // First of all: an overflow also explains any other error.
    if (source.kind === 'lv' && snapshot && (await host.snapshots.overflowed(snapshot))) {
      return tellOverflow({ data, attempt, sizeBytes, mirror, attempts: source.mount.attempts }, emit)
    }
    if (result.status === 'rejected') throw result.reason
    if (result.value.held) {
      tellHold(source, result.value.held, context, emit)
      closeSourceGate(name, new Error('the sync is held'), context)
      return leave(source, data, emit)
    }
    // A snapshot shows one moment, between these two events.
    const taken = snapshot && events.newest([snapshotCreate], name)
    const copied = copiedBy(result.value, {
      source,
      mirror,
      after: host.mirrors.identify(target, source),
      read: taken ? { from: taken.time, to: event.time } : { from: event.time, to: readTo },
      fileSystem,
      gaps: source.kind === 'path' ? await host.gaps(source, config, mirror.path) : undefined,
      sourceIsEmpty,
      canary: await canaryOf(from.at, mirror.path, context),
      firstTry,
    })
    closeSourceGate(name, undefined, context)
    emit(snapshot ? snapshotCleanup : mirrorFlush, { ...data, copied }, { attempt })
  },

  giveUp({ data, error }, { config, events, emit }) {
    failSources(syncRun, [data.source], error, emit)
    closeSourceGate(data.source, error, { events, emit })
    if (spoils(error)) emit(mirrorSuspect, { source: data.source, reason: error.message })
    leave(config.sources[data.source], data, emit)
  },
})

type Leave = Emit<readonly [typeof snapshotCleanup, typeof sourceNext]>
/** The snapshot goes before the next source begins; a directory has none. */
function leave(source: Source | undefined, data: { source: string; rest: string[] }, emit: Leave): void {
  if (source?.kind === 'lv') emit(snapshotCleanup, data)
  else emit(sourceNext, { rest: data.rest })
}
