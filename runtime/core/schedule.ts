import { Cron } from 'croner'
import { UsageError } from '../errors.ts'
import { parseDuration } from '../units.ts'

/** The moments at which something is to be done. */
export interface Schedule {
  /** As it was written. */
  text: string
  /** The first moment after another one, both in milliseconds since the epoch; undefined when there is none. */
  nextAfter(at: number): number | undefined
}

/** What is done more often belongs into a program that goes on. */
const shortestMs = 1000
const dayAndTime = /^(?:([A-Za-z]{3}(?:(?:,|\.\.|-)[A-Za-z]{3})*)\s+)?(\d{1,2}):(\d{2})$/

/**
 * Reads a schedule: `every 15m` (whole multiples since 1970, in UTC), `03:00`, `Sun 03:00`, `Mon..Fri 03:00`, or the five
 * fields of cron(8). Times are those of the machine's zone. Where the clocks skip a time, it is the first moment after
 * the gap; where they repeat one, it is the first of the two; what is due all the time is so in the repeated hour too.
 * @param timezone That of the machine unless given.
 * @throws {UsageError} It is none.
 */
export function parseSchedule(text: string, timezone?: string): Schedule {
  const every = /^every\s+(.+)$/.exec(text.trim())
  if (every) return everySchedule(text, every[1] ?? '')
  try {
    const options = { paused: true, mode: '5-part' as const, ...(timezone && { timezone }) }
    const cron = new Cron(cronOf(text.trim()), options)
    return { text, nextAfter: (at) => cron.nextRun(new Date(at))?.getTime() }
  } catch (error) {
    throw noSchedule(text, (error as Error).message.replace(/^CronPattern: /, ''))
  }
}

function everySchedule(text: string, duration: string): Schedule {
  const ms = parseDuration(duration)
  if (ms === undefined || ms < shortestMs) throw noSchedule(text, 'expected a duration of at least 1s')
  return { text, nextAfter: (at) => (Math.floor(at / ms) + 1) * ms }
}

/** The fields of cron(8) for a day and time. */
function cronOf(text: string): string {
  const [, days, hour, minute] = dayAndTime.exec(text) ?? []
  if (hour === undefined) return text
  return `${Number(minute)} ${Number(hour)} * * ${days?.replaceAll('..', '-').toUpperCase() ?? '*'}`
}

function noSchedule(text: string, why: string): UsageError {
  return new UsageError(`${JSON.stringify(text)} is no schedule: ${why}`, {
    hint: "write it as 'every 15m', '03:00', 'Sun 03:00', 'Mon..Fri 03:00' or '*/15 * * * *'",
  })
}
