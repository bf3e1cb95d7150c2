import {
  catalogue,
  type Envelope,
  type EventDefinition,
  type InputOf,
  runFailed,
  unitFailed,
} from '../../../events/index.ts'
import { matchesEvent } from '../../../events/pattern.ts'
import type { Config, NotifyHook } from '../../config/config.ts'
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
  const event = failedRun(config, reasonOf(error))
  await tell(config, (hook) => (wants(hook, event) ? event : undefined))
}

/** How many hooks took it, and how many could not be told. */
export interface HooksTold {
  good: number
  bad: number
}

/**
 * Notifies the hooks, without the bus, that a unit failed or a backup could not begin. Each is told once: of `unit.failed`,
 * or of a failed run where it hears of that alone. Never throws; nothing repeats it.
 */
export async function tellUnitFailed(
  data: InputOf<typeof unitFailed> & { reason: string },
  config: Pick<Config, 'notify' | 'sources' | 'state'>,
): Promise<HooksTold> {
  const unit = publicationOf(unitFailed, data).event
  const run = failedRun(config, data.reason)
  return tell(config, (hook) => [unit, run].find((event) => wants(hook, event)))
}

function failedRun({ sources }: Pick<Config, 'sources'>, reason: string): Envelope {
  const at = isoOf(Date.now())
  const result = {
    run: newRunId(),
    state: 'failed' as const,
    startedAt: at,
    endedAt: at,
    sources: Object.keys(sources).map((source) => nothingDone(source, 'failed', reason)),
  }
  return publicationOf(runFailed, result, result.run).event
}

function publicationOf<E extends EventDefinition>(definition: E, data: InputOf<E>, runId = newRunId()) {
  return rootPublication(createRegistry([], catalogue), definition, data, { now: Date.now(), runId })
}

function wants({ on }: NotifyHook, { type }: Envelope): boolean {
  return on.some((pattern) => matchesEvent(pattern, type))
}

/** @param choose What a hook is told; nothing if undefined. */
async function tell(
  { notify, state }: Pick<Config, 'notify' | 'state'>,
  choose: (hook: NotifyHook) => Envelope | undefined,
): Promise<HooksTold> {
  const host = createHost({
    observer: unobserved,
    signal: AbortSignal.timeout(limitMs),
    store: '',
    runtimeDirectory: '',
    stateDirectory: state,
  })
  const chosen = notify.flatMap((hook) => {
    const event = choose(hook)
    return event ? [{ hook, event }] : []
  })
  const ends = await Promise.allSettled(chosen.map(({ hook, event }) => host.hook(hook, event)))
  const good = ends.filter(({ status }) => status === 'fulfilled').length
  return { good, bad: ends.length - good }
}
