import { backupStart, catalogue, type Envelope, type RunResult, sourceSynced } from '../../events/index.ts'
import type { Config } from '../config/config.ts'
import type { EventBus } from '../core/bus/bus.ts'
import { SqliteBus } from '../core/bus/sqlite/bus.ts'
import { inMemory, openDatabase } from '../core/bus/sqlite/database.ts'
import { SqliteJournal } from '../core/bus/sqlite/journal.ts'
import { systemClock } from '../core/clock.ts'
import { Dispatcher } from '../core/dispatcher.ts'
import { newRunId, rootPublication } from '../core/publication.ts'
import { RunEnds } from '../core/run-ends.ts'
import { runtimeDirectory } from '../host/host.ts'
import { createPlanner, type PlannedStep } from '../host/planning.ts'
import { earlierArchives, provesUnchanged } from './earlier-archives.ts'
import { chainEnds } from './engine/chain-ends.ts'
import { contextFactory } from './engine/context.ts'
import { loadRegistry, ownFunctions } from './load-functions.ts'
import { isOver } from './run-report.ts'
import { summarise } from './summary.ts'

const toldOfMirror = provesUnchanged.map(({ type }) => type)

/** One step of a plan, and the event that would bring it about. */
export interface PlanStep extends PlannedStep {
  event: string
  source: string | null
}

export interface Plan {
  steps: PlanStep[]
  result: RunResult
}

/**
 * Runs hdsync's own functions through a whole run on a host that only writes down what it would do. Functions and hooks of
 * the user's are left out, as are read-only commands.
 * @param store The id of the event store, which stands in the tags and paths of snapshots.
 * @param history What happened in earlier runs: sizes of snapshots and much else depend on it.
 */
export async function planRun(
  config: Config,
  sources: string[] | undefined,
  store: string,
  history: Pick<EventBus, 'events'> | undefined,
): Promise<Plan> {
  const clock = systemClock
  const steps: PlanStep[] = []
  const registry = await loadRegistry({ ours: ownFunctions, users: '' }, catalogue)
  const database = openDatabase(inMemory)
  const bus = new SqliteBus(database, inMemory)
  const journal = new SqliteJournal(database, catalogue)
  const isPlanOver = (id: string) => isOver(journal.tallies(id))
  const ends = new RunEnds({ bus, journal, registry, clock, isOver: isPlanOver })
  let handled: Envelope | undefined
  const plan = (commands: PlannedStep) =>
    steps.push({ event: handled?.type ?? '', source: handled?.subject ?? null, ...commands })
  const types = [sourceSynced.type]
  const wasSynced = (subject: string) => (history?.events({ types, subject, limit: 1 }).length ?? 0) > 0
  const hasArchive = (subject: string) => {
    const told = history?.events({ types: toldOfMirror, subject, newestFirst: true, limit: 100 }) ?? []
    return earlierArchives(told, clock.now() - config.keep).length > 0
  }
  const contextOf = contextFactory({
    config: { ...config, notify: [] },
    clock,
    journal,
    observer: {},
    hostOptions: {
      store,
      runtimeDirectory: runtimeDirectory(config.state, store),
      stateDirectory: config.state,
    },
    host: createPlanner(plan, { wasSynced, hasArchive }),
  })
  // `concurrency: 1` keeps the order of steps the same.
  const dispatcher = new Dispatcher({
    bus,
    registry,
    clock,
    history,
    ...chainEnds({ registry, clock }),
    context(delivery, signal) {
      handled = delivery.event
      return contextOf(delivery, signal)
    },
    concurrency: 1,
    onEvent: (event) => ends.heard(event),
    onFailure: (error) => ends.fail(error),
  })
  const runId = newRunId()
  try {
    dispatcher.start()
    const data = sources ? { sources } : {}
    await dispatcher.publish([rootPublication(registry, backupStart, data, { now: clock.now(), runId })])
    await ends.wait(runId)
    const run = journal.run(runId) ?? { id: runId, startedAt: clock.now() }
    return { steps, result: summarise(bus.events({ runId }), run, null) }
  } finally {
    await dispatcher.stop()
    bus.close()
  }
}
