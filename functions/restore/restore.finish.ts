import { restoreFailed, restoreFinish, restoreFinished } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { canBeUndone } from '../../runtime/backup/restore/perform.ts'

/** Unmounts what was mounted for a restore, removes what was fetched for it, and tells how it went. Interrupted, it is done again. */
export default defineFunction({
  on: restoreFinish,
  emits: [restoreFinished, restoreFailed],
  always: true,
  timeout: '10m',
  retry: { limit: 3, minDelayMs: 1000, maxDelayMs: 10_000 },

  async run({ data: { source, root, id, missing, error } }, { config, host, run, clock, emit }) {
    await host.targets.close(run.id)
    host.copies.release(config.state, clock.now())
    const kept = id !== null && canBeUndone({ root, id }) ? id : null
    const reason = error ?? (missing.length > 0 ? 'not everything could be read' : undefined)
    if (reason === undefined) emit(restoreFinished, { source, root, id: kept })
    else emit(restoreFailed, { source, root, id: kept, reason, missing })
  },

  giveUp({ data: { source, root, id, missing }, error }, { emit }) {
    emit(restoreFailed, { source, root, id, reason: error.message, missing })
  },
})
