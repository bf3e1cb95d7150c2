import type { Journal, Said, SaidSearch } from '../../core/bus/journal.ts'
import { isoOf } from '../../instant.ts'
import { exitCodes } from '../exit-codes.ts'
import { findRun, noStore } from '../find-run.ts'
import { storeConfig } from '../find-store.ts'
import { localTime, painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { momentOf } from '../moment.ts'
import { openJournal } from '../store.ts'
import { untilStopped } from '../until-stopped.ts'

export interface LogsOptions {
  config?: string
  json?: boolean
  since?: string
  limit?: number
  follow?: boolean
}

/** How many lines are shown unless the limit says so; fewer before those that are waited for. */
const lines = 50
const firstLines = 10
/** A line may be written later than one that carries a later time; so far back is looked again. */
const overlapMs = 60_000

/**
 * `hdsync logs`: what functions said and why attempts of theirs failed, the newest last. Looks only: it works beside
 * whoever is at work there, and makes no store. With `follow` it goes on until Ctrl-C.
 * @param what A run (its id, the beginning of it, or `last`) or a function; all unless given.
 * @throws {UsageError} It is neither, or the store cannot be read.
 */
export async function logsCommand(what: string | undefined, options: LogsOptions, io: Io): Promise<number> {
  const config = await storeConfig(options.config, io)
  const since = options.since === undefined ? {} : { since: momentOf(options.since, Date.now()) }
  const opened = openJournal(config)
  if (!opened) throw noStore(config.state)
  const { journal } = opened
  try {
    const limit = options.limit ?? (options.follow ? firstLines : lines)
    const search = { ...searchOf(what, journal), ...since }
    const found = journal.said({ ...search, limit })
    for (const line of found) io.stdout(textOf(line, options, io))
    if (options.follow) await follow(journal, search, found, (line) => io.stdout(textOf(line, options, io)))
    else if (found.length === 0 && !options.json) io.stderr('hdsync: nothing was said\n')
  } finally {
    opened.close()
  }
  return exitCodes.succeeded
}

/** A function comes before a run that begins with its name: ids of runs can be written in full. */
function searchOf(what: string | undefined, journal: Journal): SaidSearch {
  if (what === undefined) return {}
  return journal.knowsFunction(what) ? { function: what } : { runId: findRun(journal, what).id }
}

/** Calls back for each line that comes, until a signal or until nobody reads any more. */
function follow(
  journal: Journal,
  search: SaidSearch,
  shown: readonly Said[],
  onLine: (line: Said) => void,
): Promise<void> {
  const begunAt = Date.now()
  let last = shown.at(-1)?.at ?? begunAt
  let seen = new Set(journal.said({ ...search, since: last - overlapMs }).map(({ key }) => key))
  let changes: number | undefined
  return untilStopped(() => {
    const now = journal.changes()
    if (now === changes) return
    changes = now
    const recent = journal.said({ ...search, since: last - overlapMs })
    for (const line of recent) if (!seen.has(line.key)) onLine(line)
    seen = new Set(recent.map(({ key }) => key))
    last = Math.max(last, recent.at(-1)?.at ?? 0)
  })
}

function textOf(line: Said, { json }: LogsOptions, { colour }: Io): string {
  const { at, run, function: name, type, subject, level, message } = line
  if (json) {
    const shown = { at: isoOf(at), run, function: name, event: type, subject, level, message }
    return `${JSON.stringify(shown)}\n`
  }
  const paint = painter(colour)
  const tone = { info: (text: string) => text, warn: paint.yellow, error: paint.red }[level]
  const words = level === 'info' ? message : `${level === 'warn' ? 'warning' : 'failed'}: ${message}`
  const head = [paint.dim(localTime(at)), paint.dim((run ?? '-').padEnd(10)), paint.bold(printable(name))]
  return `${[...head, tone(printable(words))].join('  ')}\n`
}
