import {
  backupFinish,
  snapshotCreate,
  sourceAfter,
  sourceBefore,
  sourceFailed,
  sourceNext,
  sourcePrepare,
  syncRun,
} from '../../events/index.ts'
import { failSources } from '../../runtime/backup/failed-step.ts'
import { defineFunction } from '../../runtime/backup/function.ts'

/**
 * Lets the next source of a target begin: a volume with a snapshot, a directory at once, or once the functions at its gate
 * are ready. Interrupted, it is given up: the sources that are left have failed.
 */
export default defineFunction({
  on: sourceNext,
  emits: [snapshotCreate, sourceBefore, sourcePrepare, syncRun, sourceFailed, backupFinish],

  run({ data }, { config, gates, emit }) {
    const [name, ...rest] = data.rest
    if (!name) return emit(backupFinish, {})
    const step = { source: name, rest }
    const source = config.sources[name]
    if (source?.kind === 'lv') return emit(snapshotCreate, step)
    // Of files that do not load the run is told anyway: they make the source wait only where it would be given up.
    const standIns = source?.gate.onTimeout === 'give-up'
    if (!gates.exist([sourceBefore, sourceAfter], { standIns })) return emit(syncRun, step)
    emit(sourceBefore, { source: name })
    emit(sourcePrepare, step)
  },

  giveUp({ data, error }, { emit }) {
    failSources(sourceNext, data.rest, error, emit)
    emit(backupFinish, {})
  },
})
