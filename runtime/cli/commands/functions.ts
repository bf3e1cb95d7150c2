import { describeFunctions, type FunctionDescription } from '../../backup/describe-function.ts'
import { loadFunctions } from '../../backup/load-functions.ts'
import { loadConfig } from '../../config/load.ts'
import { failureText } from '../../core/guests/failure-text.ts'
import { formatDuration } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import { localTime, painter, wrapList } from '../format.ts'
import type { Io } from '../io.ts'
import { table } from '../table.ts'

/** Widest list of events in a column. */
const listWidth = 32

/**
 * `hdsync functions`: what handles what, and where it was loaded from.
 * @throws {UsageError} The folder of functions cannot be read.
 */
export async function functionsCommand(
  options: { config?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const registry = await loadFunctions(config)
  registry.close()
  const rows = describeFunctions(registry)
  io.stdout(options.json ? `${JSON.stringify(rows)}\n` : functionsTable(rows, io))
  const failures = registry.failures.filter(({ name }) => !registry.disabled.has(name))
  for (const failure of failures) io.stderr(`hdsync: ${failureText(failure)}\n`)
  return exitCodes.succeeded
}

function functionsTable(rows: readonly FunctionDescription[], { colour, width }: Io): string {
  const { bold } = painter(colour)
  const scheduled = rows.some(({ schedule }) => schedule !== undefined)
  const cells = rows.map(
    ({ name, on, emits, timeoutMs, tries, schedule, next, builtIn, file, error, disabled }) => [
      bold(name),
      wrapList(on, listWidth),
      emits.length > 0 ? wrapList(emits, listWidth) : '-',
      disabled ? 'disabled' : error === undefined ? formatDuration(timeoutMs) : 'left out',
      !disabled && error === undefined ? String(tries) : '-',
      ...(scheduled ? [schedule ?? '-', next ? localTime(Date.parse(next)) : '-'] : []),
      builtIn ? 'built in' : file,
    ],
  )
  const times = scheduled ? ['SCHEDULE', 'NEXT'] : []
  return table([['FUNCTION', 'ON', 'EMITS', 'TIMEOUT', 'ATTEMPTS', ...times, 'FROM'], ...cells], width)
}
