import { notifyExec } from '../../events/index.ts'
import { configuredHook } from '../../runtime/backup/configured.ts'
import { defineFunction } from '../../runtime/backup/function.ts'
import { retryForADay } from '../../runtime/core/retry.ts'

/**
 * Runs a command of the user's with an event: JSON on its standard input, the essentials in `HDSYNC_*`
 * variables. It stands beside the chain: what comes of it changes no run. Interrupted, it is done again; a command that
 * outlived its hdsync is waited for first.
 */
export default defineFunction({
  on: notifyExec,
  emits: [],
  aside: true,
  timeout: '2h',
  retry: retryForADay,

  async run({ data }, { config, host }) {
    await host.hook(configuredHook(config, 'exec', data.hook), data.event)
  },
})
