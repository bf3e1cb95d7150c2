import { hookDisabled, notifyWebhook } from '../../events/index.ts'
import { configuredHook } from '../../runtime/backup/configured.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { retryForADay } from '../../runtime/core/retry.ts'
import { HookGoneError } from '../../runtime/errors.ts'

/**
 * Posts an event to a receiver of Standard Webhooks, under the event's own id however often it takes. A receiver
 * that says it is gone is not called again until its hook is changed in the config. Interrupted, it is done again.
 */
export default defineFunction({
  on: notifyWebhook,
  emits: [hookDisabled],
  aside: true,
  timeout: '2m',
  retry: retryForADay,

  async run({ data }, { config, events, host, log, emit }) {
    const hook = configuredHook(config, 'webhook', data.hook)
    const disabled = events.newest([hookDisabled], hook.fingerprint)
    if (disabled) return log.info(`not sent: the hook is disabled since ${disabled.time}`)
    try {
      log.info(await host.hook(hook, data.event))
    } catch (error) {
      if (!(error instanceof HookGoneError)) throw error
      log.warn(error.message)
      emit(hookDisabled, { hook: hook.key, fingerprint: hook.fingerprint, reason: error.message })
    }
  },
})
