import { restoreFinish, restorePlace } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { placeRestore } from '../../runtime/backup/restore/perform.ts'
import { reasonOf } from '../../runtime/errors.ts'

/**
 * Puts what was unpacked in its place, path by path. Interrupted, it is given up: each path has what it had or what it gets,
 * and `hdsync restore --resume` goes on.
 */
export default defineFunction({
  on: restorePlace,
  emits: [restoreFinish],
  timeout: '7d',
  retry: { limit: 1 },

  async run({ data: { source, root, id, missing } }, { host, signal, emit }) {
    await placeRestore({ root, id }, host.commands, signal)
    emit(restoreFinish, { source, root, id, missing, error: null })
  },

  giveUp({ data: { source, root, id, missing }, error }, { emit }) {
    const reason = `${reasonOf(error)}; hdsync restore --resume ${id} ends it, hdsync restore --undo ${id} takes it back`
    emit(restoreFinish, { source, root, id, missing, error: reason })
  },
})
