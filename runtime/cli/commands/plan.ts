import { type PlanStep, planRun } from '../../backup/planner.ts'
import { loadConfig } from '../../config/load.ts'
import { checkSources } from '../../config/lookup.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { inMemory, openDatabaseForReading } from '../../core/bus/sqlite/database.ts'
import { storeId } from '../../core/bus/sqlite/identity.ts'
import { shellQuote } from '../../shell-quote.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Io } from '../io.ts'

/** `hdsync plan`: the commands of a run, in order and quoted for a shell, without executing one. */
export async function planCommand(
  sources: string[],
  options: { config?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  checkSources(sources, config)
  const { steps, result } = await withStore(config.state, (store, history) =>
    planRun(config, sources.length > 0 ? sources : undefined, store, history),
  )
  const failed = result.sources.filter(({ state }) => state === 'failed')
  if (options.json) {
    const problems = failed.map(({ source, error }) => ({ source, error }))
    io.stdout(`${JSON.stringify({ run: result.run, steps, problems })}\n`)
  } else {
    for (const step of steps) {
      const line = step.argvs.map(shellQuote).join(' | ')
      const into = step.file ? ` > ${shellQuote([step.file])}` : ''
      const remarks = remarksOn(step)
      io.stdout(`${line}${into}${remarks.length > 0 ? `  # ${remarks.join('; ')}` : ''}\n`)
    }
  }
  for (const { source, error } of failed) io.stderr(`hdsync: ${source} would fail: ${error}\n`)
  return failed.length > 0 ? exitCodes.failed : exitCodes.succeeded
}

/** When a command is executed, if not in any case; and what the command itself does not say. */
function remarksOn(step: PlanStep): string[] {
  const { file, unlessUnchanged, unlessNeedless, ifDoubtful, ifWritten } = step
  return [
    ...(unlessNeedless ? ['unless nothing has changed since the last copy'] : []),
    ...(unlessUnchanged ? ['unless nothing has changed'] : []),
    ...(ifDoubtful ? ['if names alone do not tell that not too much would be deleted'] : []),
    ...(ifWritten ? ['if files were written while they were last copied'] : []),
    ...(file ? ['of what no earlier archive has, and compressed'] : []),
  ]
}

/** The id of the store stands in tags and paths; before the first run there is none yet, and no history. */
async function withStore<T>(
  state: string,
  use: (store: string, history: SqliteBus | undefined) => Promise<T>,
): Promise<T> {
  const database = openDatabaseForReading(state)
  if (!database) return use('STORE', undefined)
  try {
    return await use(storeId(database), new SqliteBus(database, inMemory))
  } finally {
    database.close()
  }
}
