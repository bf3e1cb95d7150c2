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
  retry: { limit: 3, minDelayMs: 1000, maxDelayMs: 60_000 },

  async run({ data: { hook: index, event } }, { config, host, run }) {
    const hook = config.notify[index]
    if (hook?.kind !== 'exec') throw new TerminalError(`notify[${index}] is no exec hook any more`)
    await host.program({
      argv: hook.argv,
      timeoutMs: hook.timeoutMs,
      input: `${JSON.stringify(event)}\n`,
      env: {
        HDSYNC_EVENT: event.type,
        HDSYNC_EVENT_ID: event.id,
        HDSYNC_RUN: run.id,
        HDSYNC_SOURCE: event.subject ?? '',
        HDSYNC_STATE: event.type.startsWith('run.') ? event.type.slice('run.'.length) : '',
        HDSYNC_TIME: event.time,
      },
    })
  },
})
