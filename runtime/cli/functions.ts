import { dirname } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { formatDuration } from '../config/units.ts'
import { loadFunctions, ownFunctions } from '../engine/engine.ts'
import type { RegisteredFunction } from '../engine/registry.ts'
import { exitCodes } from './exit-codes.ts'
import { painter, table, wrapList } from './format.ts'
import type { Io } from './io.ts'

/** As `functions --json` prints it. */
interface FunctionRow {
  name: string
  /** Types of the events that it takes. */
  on: string[]
  emits: string[]
  timeoutMs: number
  /** Tries in all, the first one included. */
  tries: number
  builtIn: boolean
  file: string
}

/** Widest list of events in a column. */
const listWidth = 32

/**
 * `hdsync functions`: what handles what, and where it was loaded from.
 * @throws {UsageError} A function cannot be loaded, or does not fit the others.
 */
export async function functionsCommand(
  options: { config?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const { functions } = await loadFunctions(config)
  const rows = functions.map(rowOf)
  io.stdout(options.json ? `${JSON.stringify(rows)}\n` : functionsTable(rows, io.colour))
  return exitCodes.succeeded
}

function rowOf({ name, file, definition, timeoutMs, retry }: RegisteredFunction): FunctionRow {
  const types = (events: typeof definition.on) => events.map(({ type }) => type)
  return {
    name,
    on: types(definition.on),
    emits: types(definition.emits),
    timeoutMs,
    tries: retry.limit,
    builtIn: dirname(file) === ownFunctions,
    file,
  }
}

function functionsTable(rows: readonly FunctionRow[], colour: boolean): string {
  const { bold } = painter(colour)
  const cells = rows.map(({ name, on, emits, timeoutMs, tries, builtIn, file }) => [
    bold(name),
    wrapList(on, listWidth),
    emits.length > 0 ? wrapList(emits, listWidth) : '-',
    formatDuration(timeoutMs),
    String(tries),
    builtIn ? 'built in' : file,
  ])
  return table([['FUNCTION', 'ON', 'EMITS', 'TIMEOUT', 'TRIES', 'FROM'], ...cells])
}
