import { catalogue, type Envelope } from '../../../events/index.ts'
import type { Config } from '../../config/config.ts'
import type { LoggedEvent } from '../../core/bus/journal.ts'
import { cut, localTime, painter, printable } from '../format.ts'
import type { Io } from '../io.ts'
import { colourOf } from '../story/lines.ts'
import { wordsOf } from './words.ts'

/** One event as a line, ended. */
export type EventLine = (logged: LoggedEvent) => string

/** Longest piece of data that is shown as it is. */
const dataWidth = 100

/**
 * Lines of a log of events: time, run, source, type, and what the event says. The columns are as wide as what is
 * known may get, so that lines align which are written at different times.
 */
export function eventLines({ sources }: Pick<Config, 'sources'>, { colour, width }: Io): EventLine {
  const paint = painter(colour)
  const runWidth = 10
  const sourceWidth = Math.max(3, ...Object.keys(sources).map((name) => name.length))
  const typeWidth = Math.max(...[...catalogue.keys()].map((type) => type.length))
  return ({ event }) => {
    const { time, runid = '-', subject = 'run', type } = event
    const columns = [
      localTime(Date.parse(time)),
      runid.padEnd(runWidth),
      printable(subject).padEnd(sourceWidth),
      printable(type).padEnd(typeWidth),
    ]
    const used = columns.join('  ').length + 2
    const says = printable(saysOf(event))
    const shown = cut(says, width === undefined ? undefined : Math.max(20, width - used))
    const [at = '', run = '', source = '', kind = ''] = columns
    const tone = catalogue.get(type)?.external === false ? paint.bold : paint[colourOf(type)]
    return `${[paint.dim(at), paint.dim(run), source, tone(kind), shown].join('  ').trimEnd()}\n`
  }
}

/** What an event says: in words where there are any, else what it carries. */
function saysOf(event: Envelope): string {
  const words = wordsOf(event)
  // `run.failed` says it all by itself.
  if (words !== undefined) return event.type.endsWith(`.${words}`) ? '' : words
  const { source: _, result, rest, ...data } = dataOf(event)
  if (tellingOf(event)) return tellingOf(event) as string
  if (result !== undefined) return String((result as { state?: unknown }).state)
  const next = Array.isArray(rest) && rest.length > 0 ? `then ${rest.join(', ')}` : ''
  const full = Object.entries(data).filter(([, value]) => !isEmpty(value))
  const text = full.length === 0 ? '' : cut(JSON.stringify(Object.fromEntries(full)), dataWidth)
  return [text, next].filter(Boolean).join('; ')
}

/** What a notification is about: which hook it tells of which event. */
export function tellingOf(event: Envelope): string | undefined {
  const type = toldOf(event)
  return type && `tells ${dataOf(event).hook} of ${type}`
}

/** The type of the event that a notification tells of. */
export function toldOf(event: Envelope): string | undefined {
  return event.type.startsWith('notify.') ? (dataOf(event).event as Envelope | undefined)?.type : undefined
}

function dataOf({ data }: Envelope): Record<string, unknown> {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : { data }
}

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0)
}
