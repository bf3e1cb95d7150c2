import { runWarned, snapshotCleanup, snapshotReleased, sourceNext } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { volumeSource } from '../../runtime/config/lookup.ts'
import { reasonOf } from '../../runtime/errors.ts'

/**
 * Unmounts and removes what a source still has of snapshots, at once, while the archive is still being written: a
 * snapshot costs every write on the live volume as long as it lives. After a good copy there is none any more, as
 * `sync.run` removes it once it has been read. Then the next source of the target begins.
 * Interrupted, it is done again: whatever is left of a snapshot has to go.
 */
export default defineFunction({
  on: snapshotCleanup,
  emits: [snapshotReleased, sourceNext, runWarned],
  always: true,
  timeout: '10m',
  concurrency: { key: ({ source }) => source },
  retry: { limit: 4, minDelayMs: 1000, maxDelayMs: 10_000 },

  async run({ data }, { config, host, run, emit }) {
    for (const { vg, lv, ...use } of await host.snapshots.release(
      volumeSource(config, data.source),
      run.id,
    )) {
      emit(snapshotReleased, { source: data.source, snapshot: { vg, lv }, ...use })
    }
    emit(sourceNext, { rest: data.rest })
  },

  giveUp({ data, error }, { emit }) {
    const reason = `the snapshot of ${data.source} is left behind: ${reasonOf(error)}`
    emit(runWarned, { reason })
    emit(sourceNext, { rest: data.rest })
  },
})
