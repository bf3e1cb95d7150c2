import type { SourceResult, SourceState } from '../../../events/index.ts'
import type { Journal, RunRow, Story } from '../../core/bus/journal.ts'
import { UsageError } from '../../errors.ts'
import { tookMs } from '../../run-duration.ts'
import { formatDuration } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import { storeConfig } from '../find-store.ts'
import { localTime, painter } from '../format.ts'
import type { Io } from '../io.ts'
import { type Reading, readJournal, readRun } from '../store.ts'
import { table } from '../table.ts'

/**
 * `hdsync runs`: past runs, the newest first. Looks only: it works beside a run that is going on, and makes no
 * store.
 * @throws {UsageError} The limit is not a whole number from 1, or the store cannot be read.
 */
export async function runsCommand(
  options: { config?: string; json?: boolean; limit: number },
  io: Io,
): Promise<number> {
  const { limit } = options
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`the limit is ${limit}: it has to be a whole number from 1`)
  }
  const config = await storeConfig(options.config, io)
  const readings =
    readJournal(config, (journal, atWork) =>
      journal.runs(limit).map((run) => readRun(run, atWork, () => storyOf(run, journal))),
    ) ?? []
  if (options.json) io.stdout(`${JSON.stringify(readings.map(({ result }) => result))}\n`)
  else io.stdout(readings.length > 0 ? runsTable(readings, io) : 'no runs yet\n')
  return exitCodes.succeeded
}

/** The end of a run tells all that a list shows; only one that has not ended is read as a whole. */
function storyOf({ id, end }: RunRow, journal: Journal): Story {
  return end ? { events: [{ event: end, deliveries: [] }] } : journal.story(id)
}

function runsTable(readings: readonly Reading[], { colour, width }: Io): string {
  const paint = painter(colour)
  const rows = readings.map(({ standing, result }) => {
    const took = tookMs(result)
    return [
      result.run,
      paint.state(standing),
      localTime(Date.parse(result.startedAt)),
      took === undefined ? '-' : formatDuration(took),
      sourcesSummary(result.sources),
    ]
  })
  return table([['RUN', 'STATE', 'STARTED', 'TOOK', 'SOURCES'], ...rows], width)
}

const order: SourceState[] = ['succeeded', 'degraded', 'held', 'failed', 'cancelled', 'running', 'waiting']

/** `3 good, 1 failed: home`: the good ones are counted, the others named as well. */
export function sourcesSummary(sources: readonly Pick<SourceResult, 'source' | 'state'>[]): string {
  const parts = order.flatMap((state) => {
    const names = sources.filter((one) => one.state === state).map(({ source }) => source)
    if (names.length === 0) return []
    return state === 'succeeded' ? `${names.length} good` : `${names.length} ${state}: ${names.join(' ')}`
  })
  return parts.join(', ') || 'none'
}
