import type { Envelope, EventDefinition } from '../../../events/index.ts'
import { loadFunctions } from '../../backup/load-functions.ts'
import { envelopeFor, rehearse } from '../../backup/rehearsal.ts'
import { loadConfig } from '../../config/load.ts'
import { SqliteBus } from '../../core/bus/sqlite/bus.ts'
import { holdLock, openDatabaseForReading } from '../../core/bus/sqlite/database.ts'
import { storeId } from '../../core/bus/sqlite/identity.ts'
import { lockHolder } from '../../core/bus/sqlite/lock-holder.ts'
import { UsageError } from '../../errors.ts'
import { createHost, runtimeDirectory } from '../../host/host.ts'
import { didYouMean } from '../../nearest.ts'
import { shellQuote } from '../../shell-quote.ts'
import { exitCodes } from '../exit-codes.ts'
import { painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { endLines } from '../view/rehearsal-text.ts'

export interface InvokeOptions {
  data?: string
  event?: string
  on?: string
  execute?: boolean
  config?: string
  json?: boolean
}

/**
 * `hdsync functions invoke`: runs one function with an event that is given or was recorded. Its commands are only
 * shown unless `--execute`; what it emits is only shown in any case.
 * @throws {UsageError} There is no such function or event, or the data does not fit.
 */
export async function invokeCommand(name: string, options: InvokeOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const registry = await loadFunctions(config, { isDry: !options.execute })
  const target = registry.get(name)
  if (!target) {
    const known = registry.functions.map((one) => one.name)
    throw new UsageError(`there is no function ${JSON.stringify(name)}`, {
      hint: didYouMean(name, known) ?? '`hdsync functions` lists them',
    })
  }
  const handled = registry.events().filter(({ type }) => registry.handlersOf(type).includes(target))
  const unlock = options.execute ? holdLock(config.state) : () => {}
  if (!unlock) {
    const holder = lockHolder(config.state)
    io.stderr(
      `hdsync: another hdsync${holder ? ` (process ${holder})` : ''} is at work on ${config.state}: nothing was done\n`,
    )
    return exitCodes.busy
  }
  const database = openDatabaseForReading(config.state)
  try {
    const bus = database && new SqliteBus(database, config.state)
    const store = database ? storeId(database) : 'STORE'
    const event =
      options.event === undefined
        ? givenEvent(name, handled, options)
        : recordedEvent(name, handled, options.event, bus)
    const rehearsal = await rehearse(target, event, {
      config,
      store,
      runtimeDirectory: runtimeDirectory(config.state, store),
      quote: shellQuote,
      ...(options.event !== undefined && bus && { bus }),
      ...(options.execute && { host: createHost }),
      ...(!options.json && { onLine: (line: string) => io.stdout(`${printable(line)}\n`) }),
    })
    const { story: _, fetched, ...result } = rehearsal
    if (options.json) {
      const executed = options.execute ?? false
      const asked = fetched.length > 0 && { fetched }
      io.stdout(`${JSON.stringify({ function: name, event: event.type, executed, ...result, ...asked })}\n`)
    } else io.stdout(`${endLines(rehearsal, painter(io.colour)).join('\n')}\n`)
    return rehearsal.outcome === 'done' ? exitCodes.succeeded : exitCodes.failed
  } finally {
    database?.close()
    unlock()
  }
}

function givenEvent(
  name: string,
  handled: readonly EventDefinition[],
  { data: text, on }: InvokeOptions,
): Envelope {
  const event = handledEvent(name, handled, on)
  if (text === undefined) {
    throw new UsageError(`${name} needs an event`, {
      hint: `give its data with --data JSON, or a recorded one with --event ID (or --event last)`,
    })
  }
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--data is not JSON: ${(error as Error).message}`, {
      hint: `in single quotes, such as --data '{"source":"var"}'`,
    })
  }
  const parsed = event.schema.safeParse(data)
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'data'}: ${message}`)
    throw new UsageError(`the data does not fit ${event.type}: ${issues.join('; ')}`)
  }
  return envelopeFor(event, data as never)
}

function handledEvent(name: string, handled: readonly EventDefinition[], type?: string): EventDefinition {
  const [only] = handled
  const found =
    type === undefined ? handled.length === 1 && only : handled.find((event) => event.type === type)
  if (found) return found
  const problem = type === undefined ? 'handles several events' : `does not handle ${JSON.stringify(type)}`
  const types = handled.map((event) => event.type)
  throw new UsageError(`${name} ${problem}`, { hint: `say which with --on: ${types.join(', ')}` })
}

/** By the beginning of its id, or the last one that the function took. */
function recordedEvent(
  name: string,
  handled: readonly EventDefinition[],
  id: string,
  bus: SqliteBus | undefined,
): Envelope {
  const types = handled.map(({ type }) => type)
  const events = bus?.events({ types, newestFirst: true }) ?? []
  const found = id === 'last' ? events.slice(0, 1) : events.filter((event) => event.id.startsWith(id))
  const exact = found.find((event) => event.id === id) ?? (found.length === 1 ? found[0] : undefined)
  if (exact) return exact
  if (found.length > 1)
    throw new UsageError(`several events begin with ${id}`, { hint: 'give more of its id' })
  const what = id === 'last' ? 'no event' : `no event ${JSON.stringify(id)}`
  throw new UsageError(`${what} of those that ${name} handles is on record`, {
    hint: `it handles ${types.join(', ')}`,
  })
}
