import { drillFinish, drillRestore, drillStart } from '../../events/index.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { drillEnds, drilled, drillJobs, drillsLookedAt } from '../../runtime/backup/proof/drill-history.ts'
import { reasonOf, TerminalError, UsageError } from '../../runtime/errors.ts'

/**
 * Begins a drill: removes what an earlier one has left, and settles what is restored. Interrupted, it is given up: nothing
 * was restored yet.
 */
export default defineFunction({
  on: drillStart,
  emits: [drillRestore, drillFinish],
  timeout: '1d',
  retry: { limit: 1 },

  async run({ data }, { config, host, events, emit }) {
    const { drill } = config
    if (!drill) {
      throw new UsageError('there is no `drill:` in the config', {
        hint: 'drill: { scratch: /var/tmp }, a folder with room for the largest source',
      })
    }
    const sources = Object.keys(config.sources)
    if (data.source !== undefined && !sources.includes(data.source)) {
      throw new TerminalError(`there is no source ${data.source}`)
    }
    await host.scratch.empty(drill)
    const history = drilled(events.recent(drillEnds, undefined, drillsLookedAt))
    const jobs = drillJobs({ sources, asked: data, rotates: drill.whole === 'rotate', history })
    const [first, ...rest] = jobs
    if (first) emit(drillRestore, { ...first, rest, results: [] })
  },

  giveUp({ error }, { emit }) {
    emit(drillFinish, { results: [], error: reasonOf(error) })
  },
})
