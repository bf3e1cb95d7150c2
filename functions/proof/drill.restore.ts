import { drillClean, drillJudge, drillRestore, drillRestored } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { drillSource, nothingDrilled } from '../../runtime/backup/proof/drill-source.ts'
import { CancelledError, reasonOf } from '../../runtime/errors.ts'

/**
 * Restores one source, or a sample of it, and compares it; what is as it was is handed to functions. Interrupted, it is given
 * up: what was restored is removed.
 */
export default defineFunction({
  on: drillRestore,
  emits: [drillRestored, drillJudge, drillClean],
  timeout: '7d',
  retry: { limit: 1 },

  async run({ data: { source, whole, rest, results } }, context) {
    const { emit } = context
    const { result, told } = await drillSource({ source, whole }, context)
    if (!told) {
      emit(drillClean, { source, rest, results: [...results, result] })
      return
    }
    emit(drillRestored, told)
    emit(drillJudge, { source, result, rest, results })
  },

  giveUp({ data: { source, whole, rest, results }, error }, { emit }) {
    const failed = nothingDrilled(source, whole, reasonOf(error))
    const state = error instanceof CancelledError ? 'cancelled' : 'failed'
    emit(drillClean, { source, rest, results: [...results, { ...failed, state }] })
  },
})
