import { drillClean, drillJudge, drillRestored } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { CancelledError, reasonOf, TerminalError } from '../../runtime/errors.ts'

/**
 * Waits for the functions that judge what was restored: where one fails, the drill fails. Each has its own time limit.
 * Interrupted, it is given up: nothing is proven.
 */
export default defineFunction({
  on: drillJudge,
  emits: [drillClean],
  timeout: '7d',
  retry: { limit: 1 },

  async run({ data: { source, result, rest, results }, event }, { events, gates, emit }) {
    const restored = events.ofRun(drillRestored).find((one) => one.event.parentid === event.parentid)
    if (!restored) throw new TerminalError('there is no drill.restored to this drill.judge')
    const { by, problem } = await gates.verdict(restored.event)
    const judged = { ...result, functions: [...by] }
    const failed = problem === undefined ? {} : { state: 'failed' as const, error: problem }
    emit(drillClean, { source, rest, results: [...results, { ...judged, ...failed }] })
  },

  giveUp({ data: { source, result, rest, results }, error }, { emit }) {
    const state = error instanceof CancelledError ? 'cancelled' : 'failed'
    emit(drillClean, { source, rest, results: [...results, { ...result, state, error: reasonOf(error) }] })
  },
})
