import { type RunReport, reportOn } from '../backup/run-report.ts'
import type { RunRow } from '../core/bus/journal.ts'
import type { HttpEngine } from './context.ts'
import { Problem } from './problem.ts'

/** A run by its id, the beginning of one, or `last`. @throws {Problem} There is none, or there are several. */
export function findRun({ journal }: Pick<HttpEngine, 'journal'>, id: string): RunRow {
  const run = journal.run(id)
  if (run) return run
  throw new Problem('unknown-run', `there is no run ${JSON.stringify(id)}: GET /runs?kind=all lists them`)
}

/** How a run went, or stands: the object that `hdsync show --json` prints. */
export function resultOf({ bus, journal }: Pick<HttpEngine, 'bus' | 'journal'>, run: RunRow): RunReport {
  return reportOn(run, {
    events: () => bus.events({ runId: run.id }),
    tallies: (runId) => journal.tallies(runId),
  })
}
