import { restoreFinish, restorePlace, restoreUnpack } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { unpackRestore } from '../../runtime/backup/restore/perform.ts'
import { pointsOf } from '../../runtime/backup/restore/point-named.ts'
import { reasonOf } from '../../runtime/errors.ts'

/**
 * Unpacks what is to be put in place, beside it: what is there is not touched yet. Interrupted, it is given up.
 */
export default defineFunction({
  on: restoreUnpack,
  emits: [restorePlace, restoreFinish],
  timeout: '7d',
  retry: { limit: 1 },

  async run({ data: { source, root, id } }, { config, host, progress, emit }) {
    const { missing } = await unpackRestore({ root, id }, host.commands, pointsOf(source, config), progress)
    emit(restorePlace, { source, root, id, missing: missing.slice(0, mostNamed) })
  },

  giveUp({ data: { source, root, id }, error }, { emit }) {
    const reason = `${reasonOf(error)}: nothing in ${root} was touched`
    emit(restoreFinish, { source, root, id, missing: [], error: reason })
  },
})

/** An event has to stay small. */
const mostNamed = 100
