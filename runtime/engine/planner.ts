import { backupStart, catalogue, type RunResult } from '../../events/index.ts'
import { SqliteBus } from '../bus/sqlite/bus.ts'
import { inMemory, openDatabase } from '../bus/sqlite/database.ts'
import { SqliteJournal } from '../bus/sqlite/journal.ts'
import type { Config } from '../config/config.ts'
import { runtimeDirectory } from '../host/host.ts'
import { createPlanner, type PlannedStep } from '../host/planning.ts'
import { systemClock } from './clock.ts'
import { Dispatcher } from './dispatcher.ts'
import { contextFactory, ownFunctions } from './engine.ts'
import { newRunId, rootPublication } from './publication.ts'
import { loadRegistry } from './registry.ts'
import { RunEnds } from './run-ends.ts'
import { summarise } from './summary.ts'

export interface Plan {
  steps: PlannedStep[]
  result: RunResult
}

/**
 * Leads hdsync's own functions through a whole run on a host that only writes down what it would do. Functions
 * of the user's are left out, as nobody knows what they do.
 * @param store The id of the event store, which stands in the tags and paths of snapshots.
 */
export async function planRun(config: Config, sources: string[] | undefined, store: string): Promise<Plan> {
  const clock = systemClock
  const steps: PlannedStep[] = []
  const registry = await loadRegistry({ ours: ownFunctions, users: '' }, catalogue)
  const database = openDatabase(inMemory)
  const bus = new SqliteBus(database, inMemory)
  const journal = new SqliteJournal(database)
  const ends = new RunEnds({ bus, journal, registry })
  const context = contextFactory({
    config: { ...config, notify: [] },
    clock,
    journal,
    observer: {},
    hostOptions: { store, runtimeDirectory: runtimeDirectory(config.state, store) },
    host: createPlanner((step) => steps.push(step)),
  })
  // One after the other, so that the order of the steps does not depend on chance.
  const dispatcher = new Dispatcher({
    bus,
    registry,
    clock,
    context,
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
