import { notifyExec } from '../events/index.ts'
import { defineFunction, TerminalError } from '../runtime/function.ts'

/**
 * Runs a command of the user's with an event: JSON on its standard input, the essentials in `HDSYNC_*`
 * variables. It stands beside the chain: what comes of it changes no run.
 */
export default defineFunction({
  on: notifyExec,
  emits: [],
  aside: true,
  timeout: '2h',
  retry: { limit: 3, minDelayMs: 200, maxDelayMs: 5000 },

  async run({ data: { hook: index, event } }, { config, host }) {
    const hook = config.notify[index]
    if (hook?.kind !== 'exec') throw new TerminalError(`notify[${index}] is no exec hook any more`)
    await host.hook(hook, event)
  },
})
