import { notifyHealthchecks, runEnds, runStarted } from '../../events/index.ts'
import { configuredHook } from '../../runtime/backup/configured.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { retryForADay } from '../../runtime/core/retry.ts'

/**
 * Tells a monitor that a run has begun, gone well or failed. A monitor believes what it hears last, so that news
 * which a later run has overtaken are left out. Interrupted, it is done again.
 */
export default defineFunction({
  on: notifyHealthchecks,
  emits: [],
  aside: true,
  timeout: '2m',
  retry: retryForADay,

  async run({ data: { hook: key, event } }, { config, events, host, log }) {
    const hook = configuredHook(config, 'healthchecks', key)
    const latest = events.newest([runStarted, ...runEnds])
    if (latest && latest.id !== event.id && latest.time >= event.time) {
      return log.info(`not sent: ${latest.type} of run ${latest.runid} came after it`)
    }
    log.info(await host.hook(hook, event))
  },
})
