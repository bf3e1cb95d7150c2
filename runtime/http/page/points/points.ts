import { knownPoints } from '../../../backup/restore/known-points.ts'
import { pointTime } from '../../../backup/restore/when.ts'
import { count } from '../../../count.ts'
import type { RestorePoint } from '../../../host/points/restore-point.ts'
import { formatBytes } from '../../../units.ts'
import type { AddScreens, PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { show } from '../look/layout.ts'
import { agoText, dayText, numberWord, plainText, startOfDay, timeTag } from '../look/words.ts'
import { lastDays } from '../state/nights.ts'

const daysShown = 30

/** The restore points: sources down, days across, then each by itself. */
export const pointScreens: AddScreens = (app, page) => {
  app.get('/points', async (c) => {
    const now = page.clock.now()
    const { points, absent } = await knownPoints(page.config, (from) => from(page.engine))
    const bySource = [...Map.groupBy(points, ({ source }) => source)]
    const days = lastDays(daysShown, now)
    const body = html`${[...absent].map(([target, reason]) => html`<p class="late">The disk of ${target} cannot be looked at: ${plainText(reason)}. Of it only the record tells.</p>`)}
${points.length === 0 ? html`<p>Each good backup makes some: <code data-copy>hdsync run</code></p>` : gridOf(bySource, days, page)}
${bySource.map(([source, own]) => sourceList(source, own, page, now))}`
    const damaged = points.filter((point) => point.damaged !== undefined).length
    return show(c, page, {
      title: 'Restore points',
      tab: 'points',
      sentence: sentenceOf(points.length, bySource.length, damaged),
      tone: damaged > 0 ? 'failed' : 'succeeded',
      body,
      command: 'hdsync backups',
    })
  })
}

function sentenceOf(points: number, sources: number, damaged: number): string {
  if (points === 0) return 'There is nothing to go back to yet.'
  const all = `There are ${count(points)} restore points of ${sources === 1 ? 'one source' : `${numberWord(sources)} sources`}`
  if (damaged === 0) return `${all}; none is known to be damaged.`
  return `${all}; ${damaged === 1 ? 'one is' : `${numberWord(damaged)} are`} damaged.`
}

interface PointMark {
  shape: string
  tone: string
  word: string
}

/** How sure it is that a restore point can be read. */
export function pointMark({ damaged, provenRestoreAt, provenAt }: RestorePoint): PointMark {
  if (damaged !== undefined) return { shape: '■', tone: 'failed', word: 'damaged' }
  if (provenRestoreAt !== undefined) return { shape: '●', tone: 'good', word: 'restored by a drill' }
  if (provenAt !== undefined) return { shape: '●', tone: 'good', word: 'read back and good' }
  return { shape: '○', tone: 'unknown', word: 'there' }
}

function gridOf(
  bySource: readonly [string, RestorePoint[]][],
  days: readonly number[],
  page: PageContext,
): Html {
  return html`<div class="scroll"><table class="grid"><caption class="hidden">Restore points by source and day</caption><thead><tr><th scope="col">Source${days.map((day) => html`<th scope="col" title="${dayText(day)}">${new Date(day).getDate()}`)}</tr></thead><tbody>
${bySource.flatMap(([source, points]) => {
  const kept = points.filter(({ kind }) => kind === 'kept')
  const rows = [
    gridRow(
      source,
      '',
      points.filter(({ kind }) => kind !== 'kept'),
      days,
      page,
    ),
  ]
  return kept.length > 0 ? [...rows, gridRow(source, 'kept longer', kept, days, page)] : rows
})}</tbody></table></div>
<p class="legend"><span class="good">●</span> read back or restored, and good <span class="unknown">○</span> there <span class="failed">■</span> damaged</p>`
}

function gridRow(
  source: string,
  kind: string,
  points: readonly RestorePoint[],
  days: readonly number[],
  page: PageContext,
): Html {
  // The newest of a day is set last.
  const byDay = new Map(points.toReversed().map((point) => [startOfDay(Date.parse(point.at)), point]))
  return html`<tr><th scope="row">${source}${kind ? html` <small>${kind}</small>` : nothing}${days.map(
    (day) => {
      const point = byDay.get(day)
      if (!point) return html`<td><span class="unknown" aria-hidden="true">·</span>`
      const { shape, tone, word } = pointMark(point)
      const said = `${source}, ${pointTime(point.at)}: ${word}`
      return html`<td><a class="${tone}" href="${filesAt(point, page)}" title="${said}" aria-label="${said}">${shape}</a>`
    },
  )}</tr>
`
}

function filesAt({ source, id }: RestorePoint, page: PageContext): string {
  return page.href(`/files/${encodeURIComponent(source)}?at=${encodeURIComponent(id)}`)
}

function sourceList(source: string, points: readonly RestorePoint[], page: PageContext, now: number): Html {
  return html`<section aria-label="${source}"><h2>${source}</h2><table><thead><tr><th scope="col">Of<th scope="col">Kind<th scope="col" class="number">Files<th scope="col" class="number">Size<th scope="col">On<th scope="col">State<th scope="col">Proven</tr></thead><tbody>
${points.map((point) => pointRow(point, page, now))}</tbody></table></section>`
}

function pointRow(point: RestorePoint, page: PageContext, now: number): Html {
  const { at, kind, files, sizeBytes, target, provenAt, provenRestoreAt, damaged } = point
  const { shape, tone, word } = pointMark(point)
  const proven = provenRestoreAt ?? provenAt
  return html`<tr><th scope="row"><a href="${filesAt(point, page)}">${pointTime(at)}</a>
<td data-head="Kind">${kind === 'weekday' ? 'archive' : kind}
<td data-head="Files" class="number">${files === undefined ? '–' : count(files)}
<td data-head="Size" class="number">${sizeBytes === undefined ? '–' : formatBytes(sizeBytes)}
<td data-head="On">${target}
<td data-head="State"><span class="${tone}">${shape} ${word}</span>${damaged === undefined ? nothing : html` <small>${plainText(damaged)}</small>`}
<td data-head="Proven">${proven === undefined ? 'never' : timeTag(Date.parse(proven), agoText(Date.parse(proven), now))}</tr>
`
}
