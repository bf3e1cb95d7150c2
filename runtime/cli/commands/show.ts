import { backupKind } from '../../backup/run-report.ts'
import type { Story } from '../../core/bus/journal.ts'
import { onlyLooks } from '../../host/command/read-only-commands.ts'
import { neverBegan, tookMs } from '../../run-duration.ts'
import { formatDuration } from '../../units.ts'
import { exitCodes } from '../exit-codes.ts'
import { readWanted } from '../find-run.ts'
import { storeConfig } from '../find-store.ts'
import { localTime, type Painter, painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { sourcesTable } from '../sources-table.ts'
import type { Reading } from '../store.ts'
import { storyText } from '../story/lines.ts'

/**
 * `hdsync show`: one run, as a table of its sources and a tree of its events with the commands that were run.
 * Looks only: it works beside a run that is going on, and makes no store.
 * @param run An id or its beginning; `last`, the newest, unless given.
 * @throws {UsageError} There is no such run, or there are several.
 */
export async function showCommand(
  run: string | undefined,
  options: { config?: string; json?: boolean; commands?: boolean },
  io: Io,
): Promise<number> {
  const config = await storeConfig(options.config, io)
  const { story, ...reading } = readWanted(config, run ?? 'last')
  if (options.json) {
    const commands = options.commands ? { commands: commandsOf(story) } : {}
    io.stdout(`${JSON.stringify({ ...reading.result, ...commands })}\n`)
  } else {
    const paint = painter(io.colour)
    const { commands = true } = options
    const parts = [
      header(reading, paint, Date.now()),
      sourcesTable(reading.result.sources, paint, io.width),
      errorLine(reading, paint),
      storyText(story, { paint, commands, live: reading.standing === 'running' }),
    ]
    io.stdout(parts.filter(Boolean).join('\n'))
  }
  return exitCodes.succeeded
}

/** The commands of a run in the order in which they were started, each with the event that brought it about. */
function commandsOf({ events }: Story) {
  return events
    .flatMap(({ event, deliveries }) =>
      deliveries.flatMap(({ commands }) => commands.map((command) => ({ event, command }))),
    )
    .sort((one, other) => one.command.startedAt - other.command.startedAt)
    .map(({ event, command }) => ({
      event: event.type,
      source: event.subject ?? null,
      argv: command.argv,
      onlyLooks: onlyLooks(command.argv),
      startedAt: new Date(command.startedAt).toISOString(),
      durationMs: command.durationMs ?? null,
      exitCode: command.exitCode ?? null,
    }))
}

/** Why a run that is no backup did not end well; of a backup the sources say it. */
function errorLine({ result: { error } }: Reading, paint: Painter): string {
  return error ? `${paint.red(printable(error))}\n` : ''
}

function header({ standing, result }: Reading, paint: Painter, now: number): string {
  const { run, kind, startedAt } = result
  const isBackup = kind === backupKind
  const ended = tookMs(result)
  const took =
    standing === 'running'
      ? `, for ${formatDuration(Math.max(0, now - Date.parse(startedAt)))} now`
      : ended === undefined
        ? ''
        : `, took ${formatDuration(ended)}`
  const began = neverBegan(result) ? 'never began: asked for' : 'started'
  const next = isBackup
    ? 'the next `hdsync run` puts in order what it left'
    : 'the next `hdsync serve` or `hdsync run` goes on with it'
  const why = standing === 'interrupted' ? `: ${next}` : ''
  const name = isBackup ? '' : `${printable(kind)} `
  return `run ${paint.bold(run)} ${name}${paint.state(standing)}${why}\n${began} ${localTime(Date.parse(startedAt))}${took}\n`
}
