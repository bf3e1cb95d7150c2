import { backupFinish, snapshotCreate, sourceFailed, sourceNext, syncRun } from '../../events/index.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'

/**
 * Lets the next source of a target begin: a volume with a snapshot, a directory at once. Interrupted, it is given up: the
 * sources that are left have failed.
 */
export default defineFunction({
  on: sourceNext,
  emits: [snapshotCreate, syncRun, sourceFailed, backupFinish],

  run({ data }, { config, emit }) {
    const [source, ...rest] = data.rest
    if (!source) emit(backupFinish, {})
    else emit(config.sources[source]?.kind === 'lv' ? snapshotCreate : syncRun, { source, rest })
  },

  giveUp({ data, error }, { emit }) {
    failSources(sourceNext, data.rest, error, emit)
    emit(backupFinish, {})
  },
})
