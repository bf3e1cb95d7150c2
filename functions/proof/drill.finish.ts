import { type DrillResult, drillFailed, drillFinish, drillFinished } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { reasonOf } from '../../runtime/errors.ts'

/** Unmounts what was mounted for a drill, and tells how it went. Interrupted, it is done again. */
export default defineFunction({
  on: drillFinish,
  emits: [drillFinished, drillFailed],
  always: true,
  timeout: '10m',
  retry: { limit: 3, minDelayMs: 1000, maxDelayMs: 10_000 },

  async run({ data: { results, error } }, { host, run, emit }) {
    await host.targets.close(run.id)
    const reason = error ?? reasonIn(results)
    if (reason === undefined) emit(drillFinished, { sources: results })
    else emit(drillFailed, { reason, sources: results })
  },

  giveUp({ data: { results }, error }, { emit }) {
    emit(drillFailed, { reason: reasonOf(error), sources: results })
  },
})

function reasonIn(results: readonly DrillResult[]): string | undefined {
  const bad = results.filter(({ state }) => state !== 'proven')
  return bad.length > 0 ? bad.map(({ source, error }) => `${source}: ${error}`).join('; ') : undefined
}
