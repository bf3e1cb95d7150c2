import { notifyNtfy } from '../../events/index.ts'
import { configuredHook, defineFunction, retryForADay } from '../../runtime/function.ts'

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
