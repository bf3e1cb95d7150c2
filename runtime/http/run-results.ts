import type { RunResult } from '../../events/index.ts'
import { summarise } from '../backup/summary.ts'
import type { RunRow } from '../core/bus/journal.ts'
import type { HttpEngine } from './context.ts'
import { Problem } from './problem.ts'

/** A run by its id, the beginning of one, or `last`. @throws {Problem} There is none, or there are several. */
export function findRun({ journal }: Pick<HttpEngine, 'journal'>, id: string): RunRow {
  const run = journal.run(id)
  if (run) return run
  throw new Problem('unknown-run', `there is no run ${JSON.stringify(id)}: GET /runs lists them`)
}

/** How a run went, or stands: the object that `hdsync show --json` prints. */
export function resultOf({ bus }: Pick<HttpEngine, 'bus'>, run: RunRow): RunResult {
  if (run.end) return run.end.data as RunResult
  return summarise(bus.events({ runId: run.id }), run, null)
}
