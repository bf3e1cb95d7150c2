import type { Config } from '../config/config.ts'
import type { Journal, RunRow, Story } from '../core/bus/journal.ts'
import { UsageError } from '../errors.ts'
import { type Reading, readJournal, readRun } from './store.ts'

/**
 * The run that a person means.
 * @param wanted An id or its beginning; `last`, the newest backup.
 * @throws {UsageError} There is no such run, or there are several.
 */
export function findRun(journal: Pick<Journal, 'run' | 'runs'>, wanted: string): RunRow {
  const run = journal.run(wanted)
  if (!run) throw unknownRun(journal.runs(1000, 'all'), wanted)
  return run
}

/**
 * Reads the run that a person means, and how it stands now.
 * @throws {UsageError} As `findRun`, or there is no store.
 */
export function readWanted(config: Pick<Config, 'state'>, wanted: string): Reading & { story: Story } {
  const reading = readJournal(config, (journal, atWork) => {
    const run = findRun(journal, wanted)
    const reading = readRun(run, atWork, journal)
    return { ...reading, story: reading.story ?? journal.story(run.id) }
  })
  if (!reading) throw noStore(config.state)
  return reading
}

/** What there is to say when there is no store, so that there has been no run. */
export function noStore(directory: string): UsageError {
  return new UsageError(`there is no run yet: there is no event store in ${directory}`, {
    hint: '`hdsync run` makes one',
  })
}

function unknownRun(runs: readonly RunRow[], wanted: string): UsageError {
  if (runs.length === 0) return new UsageError('there is no run yet', { hint: '`hdsync run` makes one' })
  const alike = runs.filter(({ id }) => id.startsWith(wanted))
  if (alike.length === 0) {
    return new UsageError(`there is no run ${JSON.stringify(wanted)}`, {
      hint: '`hdsync runs --all` lists them',
    })
  }
  const ids = alike.slice(0, 5).map(({ id }) => id)
  return new UsageError(`${alike.length} runs begin with ${JSON.stringify(wanted)}`, {
    hint: `write more of it: ${ids.join(', ')}${alike.length > ids.length ? ', ...' : ''}`,
  })
}
