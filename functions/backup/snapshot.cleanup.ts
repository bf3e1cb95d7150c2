import {
  type DataOf,
  mirrorFlush,
  runWarned,
  snapshotCleanup,
  snapshotReleased,
  sourceNext,
} from '../../events/index.ts'
import { volumeSource } from '../../runtime/backup/configured.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import type { Emit } from '../../runtime/core/function.ts'
import { reasonOf } from '../../runtime/errors.ts'

/**
 * Unmounts and removes the snapshots of a source as soon as they have been read: a snapshot slows down every write on the
 * live volume. Then the copy is flushed, or without one the next source of the target begins. Interrupted, it is done again.
 */
export default defineFunction({
  on: snapshotCleanup,
  emits: [snapshotReleased, mirrorFlush, sourceNext, runWarned],
  always: true,
  timeout: '10m',
  concurrency: { key: ({ source }) => source },
  retry: { limit: 4, minDelayMs: 1000, maxDelayMs: 10_000 },

  async run({ data, attempt }, { config, host, run, emit }) {
    for (const { vg, lv, ...use } of await host.snapshots.release(
      volumeSource(config, data.source),
      run.id,
    )) {
      emit(snapshotReleased, { source: data.source, snapshot: { vg, lv }, ...use })
    }
    goOn(data, attempt, emit)
  },

  giveUp({ data, attempt, error }, { emit }) {
    const reason = `the snapshot of ${data.source} is left behind: ${reasonOf(error)}`
    emit(runWarned, { reason })
    goOn(data, attempt, emit)
  },
})

function goOn(
  { copied, ...step }: DataOf<typeof snapshotCleanup>,
  attempt: number,
  emit: Emit<readonly [typeof mirrorFlush, typeof sourceNext]>,
): void {
  if (copied) emit(mirrorFlush, { ...step, copied }, { attempt })
  else emit(sourceNext, { rest: step.rest })
}
