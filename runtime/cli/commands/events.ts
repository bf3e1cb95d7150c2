import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load.ts'
import { unknownSource } from '../../config/lookup.ts'
import type { EventSearch, Journal, LoggedEvent } from '../../core/bus/journal.ts'
import { exitCodes } from '../exit-codes.ts'
import { findRun, noStore } from '../find-run.ts'
import type { Io } from '../io.ts'
import { momentOf } from '../moment.ts'
import { openJournal } from '../store.ts'
import { untilStopped } from '../until-stopped.ts'
import { type EventLine, eventLines } from '../view/event-lines.ts'

export interface EventsOptions {
  config?: string
  json?: boolean
  type?: string[]
  run?: string
  source?: string
  since?: string
  limit?: number
  follow?: boolean
}

/** How many events are shown unless the limit says so; fewer before those that are waited for. */
const lines = 50
const firstLines = 10

/**
 * `hdsync events`: what was put on the bus, the newest last. Looks only: it works beside whoever is at work there,
 * and makes no store. With `follow` it goes on until Ctrl-C.
 * @throws {UsageError} A filter cannot be understood, or the store cannot be read.
 */
export async function eventsCommand(options: EventsOptions, io: Io): Promise<number> {
  const config = await loadConfig({ path: options.config, env: io.env })
  const since = options.since === undefined ? undefined : momentOf(options.since, Date.now())
  const line = options.json
    ? ({ event }: LoggedEvent) => `${JSON.stringify(event)}\n`
    : eventLines(config, io)
  if (options.follow) {
    await follow(config, { ...options, since }, line, io)
    return exitCodes.succeeded
  }
  const opened = openJournal(config)
  try {
    if (!opened && options.run !== undefined) throw noStore(config.state)
    const wanted = { limit: lines, ...options, since }
    const found = opened?.journal.search(searchOf(wanted, opened.journal)) ?? []
    for (const one of found) io.stdout(line(one))
    if (found.length === 0 && !options.json) {
      io.stdout('no such events\n')
      const doubt = options.source !== undefined && unknownSource(options.source, config)
      if (doubt) io.stderr(`hdsync: ${doubt.message}\n  ${doubt.hint}\n`)
    }
  } finally {
    opened?.close()
  }
  return exitCodes.succeeded
}

type Wanted = Omit<EventsOptions, 'since'> & { since: number | undefined }

function searchOf({ type, run, source, since, limit }: Wanted, journal: Journal): EventSearch {
  return {
    ...(type && { types: type }),
    ...(run !== undefined && { runId: findRun(journal, run).id }),
    ...(source !== undefined && { subject: source }),
    ...(since !== undefined && { since }),
    ...(limit !== undefined && { limit }),
  }
}

/** Prints the last events, and then each that comes, until a signal or until nobody reads any more. */
async function follow(config: Config, wanted: Wanted, line: EventLine, io: Io): Promise<void> {
  let opened: ReturnType<typeof openJournal>
  let tail: Tail | undefined
  try {
    await untilStopped(() => {
      opened ??= openJournal(config)
      if (!opened && wanted.run !== undefined) throw noStore(config.state)
      if (opened)
        tail ??= new Tail(opened.journal, searchOf({ limit: firstLines, ...wanted }, opened.journal))
      for (const one of tail?.read() ?? []) io.stdout(line(one))
    })
  } finally {
    opened?.close()
  }
}

/** What is found in a store that others write to: first the last of it, then what has come since. */
class Tail {
  readonly #journal: Journal
  #search: EventSearch
  #seen: number | undefined

  constructor(journal: Journal, search: EventSearch) {
    this.#journal = journal
    this.#search = search
  }

  read(): LoggedEvent[] {
    const changes = this.#journal.changes()
    if (changes === this.#seen) return []
    this.#seen = changes
    // Asked first: what comes in between is found now or the next time, and never twice.
    const newest = this.#journal.search({ limit: 1 })[0]?.seq ?? 0
    const found = this.#journal.search(this.#search)
    const { limit: _, ...search } = this.#search
    this.#search = { ...search, after: Math.max(newest, found.at(-1)?.seq ?? 0) }
    return found
  }
}
