import type { StoryDelivery } from '../../core/bus/journal.ts'
import { shellQuote } from '../../shell-quote.ts'
import { formatDuration } from '../../units.ts'
import { firstAndLast, type Painter, printable } from '../format.ts'

/** One line of the story, before it is put into columns. */
export interface Line {
  /** When it began, in milliseconds since the epoch; shown with steps alone. */
  at?: number | undefined
  tookMs?: number | undefined
  text: string
}

/** What the lines of a story are drawn with. */
export interface Drawing {
  paint: Painter
  /** Whether the run is going on. */
  live: boolean
  /** Whether commands are shown. */
  commands: boolean
}

/** How much of what a failed command said is shown. */
const stderrLines = 6

type Command = StoryDelivery['commands'][number]

/** How a delivery stands, in words: nothing when it is simply done. */
export function standingOf({ state, attempts, replacedBy }: StoryDelivery, { paint, live }: Drawing): string {
  const words = {
    ready: attempts.length > 0 ? 'waits to be tried again' : 'waits',
    claimed: live ? paint.cyan('running') : paint.red('did not end'),
    done: '',
    dead: paint.red('given up'),
    cancelled: paint.yellow('cancelled'),
  }
  const count = attempts.length > 1 ? `${attempts.length} attempts` : ''
  const instead = replacedBy ? `redriven as run ${replacedBy}` : ''
  return [words[state], count, instead].filter(Boolean).join(', ')
}

/** From the first attempt to the end of the last, pauses included. */
export function tookMs({ attempts }: StoryDelivery): number | undefined {
  const [first, last] = [attempts[0], attempts.at(-1)]
  return first && last && last.endedAt - first.startedAt
}

/** What happened while it was handled, in the order of time: commands, log lines, errors. */
export function detailsOf(delivery: StoryDelivery, drawing: Drawing): Line[] {
  const { paint } = drawing
  const several = delivery.attempts.length > 1
  const moments = [
    ...(drawing.commands ? delivery.commands : []).map((command) => ({
      at: command.startedAt,
      lines: commandLines(command, delivery, drawing),
    })),
    ...delivery.log.map(({ at, level, message }) => ({
      at,
      lines: said(message, level === 'warn' ? paint.yellow : paint.dim),
    })),
    ...delivery.attempts.map(({ number, endedAt, error }) => ({
      at: endedAt,
      lines: error === null ? [] : said(several ? `attempt ${number}: ${error}` : error, paint.red),
    })),
  ]
  // A stable sort: a command that ended an attempt stands before its error.
  return moments.toSorted((one, other) => one.at - other.at).flatMap(({ lines }) => lines)
}

function commandLines(command: Command, delivery: StoryDelivery, drawing: Drawing): Line[] {
  const { paint } = drawing
  const { failed, words } = endOf(command, delivery, drawing)
  const head = [paint.dim('$'), shellQuote(command.argv), words].filter(Boolean).join(' ')
  const stderr = failed ? (command.stderr ?? '').split('\n').filter((line) => line.trim()) : []
  return [
    { tookMs: command.durationMs, text: head },
    ...firstAndLast(stderr, stderrLines).map((line) => ({ text: `  ${paint.dim(printable(line))}` })),
  ]
}

/** How a command ended. Not every exit code but 0 is a failure, so it is told and not judged. */
function endOf(
  { durationMs, exitCode, signal }: Command,
  { state }: StoryDelivery,
  { paint, live }: Drawing,
): { failed: boolean; words: string } {
  if (durationMs === undefined) {
    const words = live && state === 'claimed' ? paint.cyan('running') : paint.red('did not end')
    return { failed: true, words }
  }
  if (exitCode === 0) return { failed: false, words: '' }
  if (signal) return { failed: true, words: paint.red(`ended by ${signal}`) }
  const words = exitCode === null ? 'could not be started' : `exit ${exitCode}`
  return { failed: true, words: paint.yellow(words) }
}

function said(message: string, paint: (text: string) => string): Line[] {
  return message.split('\n').map((line) => ({ text: paint(printable(line)) }))
}

/** Columns of time and duration, then the text. */
export function columns({ at, tookMs }: Line, timeOf: (ms: number) => string): string {
  const time = at === undefined ? ' '.repeat(8) : timeOf(at)
  return `${time} ${(tookMs === undefined ? '' : formatDuration(tookMs)).padStart(8)}`
}
