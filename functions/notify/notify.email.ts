import { notifyEmail } from '../../events/index.ts'
import { configuredHook } from '../../runtime/backup/configured.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { retryForADay } from '../../runtime/core/retry.ts'

/**
 * Sends a mail about an event. Interrupted, it is done again; its `Message-ID` stays the same however often it takes, so
 * that nobody reads it twice.
 */
export default defineFunction({
  on: notifyEmail,
  emits: [],
  aside: true,
  timeout: '10m',
  retry: retryForADay,

  async run({ data }, { config, host, log }) {
    log.info(await host.hook(configuredHook(config, 'email', data.hook), data.event))
  },
})
