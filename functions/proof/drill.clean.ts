import { drillClean, drillFinish, drillRestore, runWarned } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { reasonOf } from '../../runtime/errors.ts'

/** Removes what was restored, whatever came of it, and goes on with the next source. Interrupted, it is done again. */
export default defineFunction({
  on: drillClean,
  emits: [drillRestore, drillFinish, runWarned],
  always: true,
  timeout: '1d',
  retry: { limit: 3, minDelayMs: 1000, maxDelayMs: 10_000 },

  async run({ data: { rest, results } }, { config, host, run, emit }) {
    if (config.drill) await host.scratch.empty(config.drill, run.id)
    const [next, ...others] = rest
    if (next) emit(drillRestore, { ...next, rest: others, results })
    else emit(drillFinish, { results, error: null })
  },

  giveUp({ data: { results }, error }, { emit }) {
    emit(runWarned, { reason: `what a drill has restored is left behind: ${reasonOf(error)}` })
    emit(drillFinish, { results, error: reasonOf(error) })
  },
})
