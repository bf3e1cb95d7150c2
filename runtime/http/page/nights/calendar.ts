import { reportOn } from '../../../backup/run-report.ts'
import type { RunRow } from '../../../core/bus/journal.ts'
import { type Html, html } from '../look/html.ts'
import { markLink, markOf } from '../look/marks.ts'
import { dayText, months, startOfDay } from '../look/words.ts'

/** So many days are looked back. */
export const calendarDays = 90

/**
 * The last nights, a column a week from Monday to Sunday. A day with several backups has the mark of the last one.
 * @param runs The newest first. @param days The oldest first. @param hrefOf Where a run is shown.
 */
export function calendarOf(
  runs: readonly RunRow[],
  days: readonly number[],
  hrefOf: (run: string) => string,
): Html {
  const byDay = lastOfEachDay(runs)
  const [first = 0] = days
  const before = Array.from(
    { length: (new Date(first).getDay() + 6) % 7 },
    () => html`<li aria-hidden="true">`,
  )
  const cells = [...before, ...days.map((day) => dayCell(day, byDay.get(day), hrefOf))]
  const weeks = Array.from({ length: Math.ceil(cells.length / 7) }, (_, n) => cells.slice(n * 7, n * 7 + 7))
  const labels = monthLabels(days, before.length)
  return html`<section aria-labelledby="calendar"><h2 id="calendar">The last ${days.length} nights</h2>
<div class="calendar"><ol class="weekdays" aria-hidden="true"><li><li>Mon<li><li>Wed<li><li>Fri<li><li>Sun</ol>
${weeks.map((week, n) => html`<ol><li class="month" aria-hidden="true">${labels.get(n) ?? ''}${week}</ol>`)}</div></section>`
}

function monthLabels(days: readonly number[], before: number): Map<number, string> {
  const labels = new Map<number, string>()
  for (const [n, day] of days.entries()) {
    const date = new Date(day)
    if (date.getDate() === 1 || (n === 0 && date.getDate() < 20))
      labels.set(Math.floor((n + before) / 7), months[date.getMonth()] ?? '')
  }
  return labels
}

function lastOfEachDay(newestFirst: readonly RunRow[]): Map<number, RunRow> {
  return new Map(newestFirst.toReversed().map((run) => [startOfDay(run.startedAt), run]))
}

function dayCell(day: number, run: RunRow | undefined, hrefOf: (run: string) => string): Html {
  if (!run) return html`<li><span class="unknown" title="${dayText(day)}: no backup">·</span>`
  const { state } = reportOn(run, { events: () => [], tallies: () => [] })
  const mark = markOf(state)
  return html`<li>${markLink(mark, hrefOf(run.id), `${dayText(day)}: ${mark.word}`)}`
}
