import {
  snapshotAfter,
  snapshotBefore,
  snapshotCleanup,
  snapshotCreate,
  snapshotMount,
  snapshotOverflowed,
  snapshotReleased,
  snapshotTake,
  sourceFailed,
} from '../../events/index.ts'
import { configured, volumeSource } from '../../runtime/backup/configured.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction, type LvSource } from '../../runtime/backup/function.ts'
import { bearsOnDoubt, doubtOf } from '../../runtime/backup/mirror/doubts.ts'
import { lastCopy } from '../../runtime/backup/mirror/last-copy.ts'
import { snapshotSizeBytes } from '../../runtime/backup/snapshot-size.ts'
import type { EventLog } from '../../runtime/core/function.ts'

/**
 * Takes a snapshot of a source's volume, after removing what an earlier attempt or run left: writable, so that a journal
 * can be replayed inside it, and tagged with the run. With functions at the gate, it only prepares, and `snapshot.take`
 * waits for them. Interrupted, it is given up: the source has failed,
 * and `snapshot.cleanup` removes what there is of the snapshot.
 */
export default defineFunction({
  on: snapshotCreate,
  emits: [snapshotBefore, snapshotTake, snapshotMount, snapshotCleanup, sourceFailed],
  timeout: '30m',
  concurrency: { key: ({ source }) => source },

  async run({ data, attempt }, { config, gates, host, run, events, clock, emit, log }) {
    const source = volumeSource(config, data.source)
    const { target } = configured(config, data.source)
    // Before there is a snapshot; it is proven again before it is written.
    await host.targets.prove(target, source)
    if (attempt === 1) {
      const history = events.recent(bearsOnDoubt, source.name, 100)
      const mirror = host.mirrors.identify(target, source)
      const last = lastCopy(history, source, mirror, clock.now())
      const doubt = doubtOf(history, mirror.id, host.boots, clock.now())
      const writtenIn = doubt?.of === 'written' ? doubt : undefined
      const changes = source.maxChange !== 'auto'
      await host.mirrors.survey(target, source, run.id, { since: last?.since, writtenIn, changes })
    }
    for (const { vg, lv } of await host.snapshots.release(source)) log.info(`removed ${vg}/${lv}, left over`)
    const origin = await host.snapshots.origin(source)
    const sizeBytes = origin.thin
      ? undefined
      : snapshotSizeBytes({
          ...origin,
          wanted: source.snapshot,
          usedBytes: usedBefore(source, events),
          overflowedBytes: data.overflowedBytes,
        })
    if (gates.exist([snapshotBefore, snapshotAfter])) {
      await gates.settled(source.name)
      emit(snapshotBefore, { source: source.name }, { attempt })
      emit(snapshotTake, { ...data, tries: data.tries ?? 1, sizeBytes: sizeBytes ?? null }, { attempt })
      return
    }
    await host.snapshots.create(source, run.id, sizeBytes)
    emit(snapshotMount, { source: data.source, rest: data.rest }, { attempt })
  },

  giveUp({ data: { source, rest }, error }, { emit }) {
    failSources(snapshotCreate, [source], error, emit)
    emit(snapshotCleanup, { source, rest })
  },
})

/** Bytes that earlier snapshots of this source needed; at least their size, if they overflowed. */
function usedBefore(source: LvSource, events: EventLog): number[] {
  const released = events.latest(snapshotReleased, source.name, 30)
  const overflowed = events.latest(snapshotOverflowed, source.name, 5)
  return [
    ...released.map(({ data }) => ((data.sizeBytes ?? 0) * (data.usedPercent ?? 0)) / 100),
    ...overflowed.map(({ data }) => data.sizeBytes),
  ]
}
