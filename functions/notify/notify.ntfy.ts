import { notifyNtfy } from '../../events/index.ts'
import { configuredHook } from '../../runtime/backup/configured.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { retryForADay } from '../../runtime/core/retry.ts'

/** Sends a push message about an event, by ntfy. Interrupted, it is done again. */
export default defineFunction({
  on: notifyNtfy,
  emits: [],
  aside: true,
  timeout: '2m',
  retry: retryForADay,

  async run({ data }, { config, host, log }) {
    log.info(await host.hook(configuredHook(config, 'ntfy', data.hook), data.event))
  },
})
