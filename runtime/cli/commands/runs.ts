import type { SourceResult, SourceState } from '../../../events/index.ts'
import { backupKind } from '../../backup/run-report.ts'
import { UsageError } from '../../errors.ts'
import { tookMs } from '../../run-duration.ts'
import { formatDuration } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import { storeConfig } from '../find-store.ts'
import { localTime, painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { type Reading, readJournal, readRun } from '../store.ts'
import { table } from '../table.ts'

export interface RunsOptions {
  config?: string
  json?: boolean
  limit: number
  all?: boolean
  kind?: string
}

/**
 * `hdsync runs`: past runs, the newest first; backups alone unless it is asked for others. Looks only: it works beside a
 * run that is going on, and makes no store.
 * @throws {UsageError} The limit is not a whole number from 1, or the store cannot be read.
 */
export async function runsCommand(options: RunsOptions, io: Io): Promise<number> {
  const { limit, all } = options
  if (!Number.isInteger(limit) || limit < 1) {
    throw new UsageError(`the limit is ${limit}: it has to be a whole number from 1`)
  }
  const kind = options.kind ?? (all ? 'all' : undefined)
  const config = await storeConfig(options.config, io)
  const readings =
    readJournal(config, (journal, atWork) =>
      journal.runs(limit, kind).map((run) => readRun(run, atWork, journal)),
    ) ?? []
  if (options.json) io.stdout(`${JSON.stringify(readings.map(({ result }) => result))}\n`)
  else io.stdout(readings.length > 0 ? runsTable(readings, kind !== undefined, io) : 'no runs yet\n')
  return exitCodes.succeeded
}

function runsTable(readings: readonly Reading[], withKind: boolean, { colour, width }: Io): string {
  const paint = painter(colour)
  const rows = readings.map(({ standing, result }) => {
    const took = tookMs(result)
    return [
      result.run,
      ...(withKind ? [printable(result.kind)] : []),
      paint.state(standing),
      localTime(Date.parse(result.startedAt)),
      took === undefined ? '-' : formatDuration(took),
      result.kind === backupKind ? sourcesSummary(result.sources) : printable(result.error ?? '-'),
    ]
  })
  const kind = withKind ? ['KIND'] : []
  const last = withKind ? 'SOURCES OR ERROR' : 'SOURCES'
  return table([['RUN', ...kind, 'STATE', 'STARTED', 'TOOK', last], ...rows], width)
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
