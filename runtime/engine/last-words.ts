import { catalogue, runFailed } from '../../events/index.ts'
import type { Config } from '../config/config.ts'
import { matchesEvent } from '../config/event-pattern.ts'
import { reasonOf } from '../errors.ts'
import { unobserved } from '../host/command.ts'
import { createHost } from '../host/host.ts'
import { newRunId, rootPublication } from './publication.ts'
import { createRegistry } from './registry.ts'
import { nothingDone } from './summary.ts'

const limitMs = 60_000

/**
 * Tells the hooks of a failed run without the bus, which cannot take it down (any more). Once, and whatever comes of
 * it: there is nobody left to try again.
 */
export async function tellHooks(error: Error, config: Config): Promise<void> {
  const now = Date.now()
  const at = new Date(now).toISOString()
  const sources = Object.keys(config.sources).map((source) => nothingDone(source, 'failed', reasonOf(error)))
  const result = { run: newRunId(), state: 'failed' as const, startedAt: at, endedAt: at, sources }
  const { event } = rootPublication(createRegistry([], catalogue), runFailed, result, {
    now,
    runId: result.run,
  })
  const host = createHost({
    observer: unobserved,
    signal: AbortSignal.timeout(limitMs),
    store: '',
    runtimeDirectory: '',
    stateDirectory: config.state,
  })
  const hooks = config.notify.filter(({ on }) => on.some((pattern) => matchesEvent(pattern, event.type)))
  await Promise.allSettled(hooks.map((hook) => host.hook(hook, event)))
}
