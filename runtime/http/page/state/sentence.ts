import type { Status } from '../../../backup/status/read-status.ts'
import { listText, numberWord, soonText, spanText } from '../look/words.ts'

/** The answer to whether everything is all right, in words. */
export function sentenceOf({ sources, run, nextRunAt, waits }: Status, now: number): string {
  if (sources.length === 0) return 'No source is configured.'
  const bad = sources.filter(({ state }) => state !== 'succeeded')
  const next = waits
    ? `a run waits for a slot of ${waits.server}, and begins ${at(soonText(Date.parse(waits.until), now))} at the latest`
    : run
      ? 'a run is going on'
      : nextRunAt === null
        ? ''
        : `the next run is ${at(soonText(Date.parse(nextRunAt), now))}`
  if (bad.length === 0) return `${allOf(sources.length)} backed up${next && `; ${next}`}.`
  if (bad.every(({ state }) => state === 'none') && bad.length === sources.length)
    return `Nothing is backed up yet${next && `; ${next}`}.`
  const [first] = bad
  if (bad.length === 1 && first)
    return `${oneOf(first, now)}${sources.length > 1 ? ' All else is backed up.' : ''}`
  const names = listText(bad.slice(0, 4).map(({ source }) => source))
  const more = bad.length > 4 ? ' and others' : ''
  return `${capital(numberWord(bad.length))} of ${numberWord(sources.length)} sources need you: ${names}${more}.`
}

function oneOf(source: Status['sources'][number], now: number): string {
  const { source: name, state, lastGoodAt } = source
  const age = lastGoodAt === null ? undefined : now - Date.parse(lastGoodAt)
  const since = age === undefined ? 'has never been backed up' : `has not been backed up for ${spanText(age)}`
  if (state === 'held')
    return `${name} is held: its next copy would delete more than it may, and waits for you.`
  if (state === 'degraded') return `${name} is backed up, with a warning.`
  if (state === 'none') return `${name} has never been backed up.`
  if (state === 'cancelled') return `${name} ${since}: its last run was cancelled.`
  return `${name} ${since}.`
}

function allOf(count: number): string {
  if (count === 1) return 'The source is'
  if (count === 2) return 'Both sources are'
  return `All ${numberWord(count)} sources are`
}

/** `tonight at 04:15`. */
function at(soon: string): string {
  return soon.replace(/ (\d\d:\d\d)$/, ' at $1')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
