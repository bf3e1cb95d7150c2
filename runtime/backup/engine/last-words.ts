import { catalogue, runFailed } from '../../../events/index.ts'
import { matchesEvent } from '../../../events/pattern.ts'
import type { Config } from '../../config/config.ts'
import type { EventBus, Publication } from '../../core/bus/bus.ts'
import type { Journal } from '../../core/bus/journal.ts'
import type { Clock } from '../../core/clock.ts'
import { newRunId, rootPublication } from '../../core/publication.ts'
import { createRegistry, type Registry } from '../../core/registry/registry.ts'
import { reasonOf } from '../../errors.ts'
import { unobserved } from '../../host/command/command.ts'
import { createHost } from '../../host/host.ts'
import { isoOf } from '../../instant.ts'
import { nothingDone, unsummed } from '../summary.ts'

/**
 * The end of a run that its own functions cannot end; later runs would wait for it for ever.
 */
export function brokenRun(
  runId: string,
  { bus, journal, registry, clock }: { bus: EventBus; journal: Journal; registry: Registry; clock: Clock },
): Publication {
  const now = clock.now()
  const run = journal.run(runId) ?? { id: runId, startedAt: now }
  const reason = 'the run could not be brought to its end: `hdsync dead` tells what was given up'
  const result = unsummed(bus.events({ runId }), run, now, reason)
  return rootPublication(registry, runFailed, result, { now, runId })
}

const limitMs = 60_000

/**
 * Notifies the hooks of a failed run without the bus, which cannot record it. Once: nothing repeats it.
 */
export async function tellHooks(error: Error, config: Config): Promise<void> {
  const now = Date.now()
  const at = isoOf(now)
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
