import { basename, dirname } from 'node:path'
import { pointTime } from '../../../backup/restore/when.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { markLink } from '../look/marks.ts'
import { dayText, startOfDay } from '../look/words.ts'
import { filesAt, legend, pointMark, type ShownPoint } from './marks.ts'
import type { Outlook } from './next-night.ts'

/** The restore points of a source, with what is known of its archives. */
export interface PointsOf {
  source: string
  /** The newest first. */
  points: readonly ShownPoint[]
  outlook: Outlook | undefined
}

/** Sources down, days across: what lies with the mirrors, what is kept longer, and what other places have. */
export function gridOf(sources: readonly PointsOf[], days: readonly number[], page: PageContext): Html {
  return html`<div class="scroll"><table class="grid"><caption class="hidden">Restore points by source and day</caption><thead><tr><th scope="col">Source${days.map((day) => html`<th scope="col" title="${dayText(day)}">${new Date(day).getDate()}`)}</tr></thead><tbody>
${sources.flatMap((one) => rowsOf(one, days, page))}</tbody></table></div>
${legend}`
}

function rowsOf({ source, points, outlook }: PointsOf, days: readonly number[], page: PageContext): Html[] {
  const gone = goneOf(outlook)
  const rows = Map.groupBy(points, ({ kind, copy }) =>
    kind === 'copy' ? `copy ${copy}` : kind === 'kept' ? 'kept longer' : '',
  )
  const names = ['', 'kept longer', ...[...rows.keys()].filter((name) => name.startsWith('copy ')).sort()]
  return names
    .filter((name) => name === '' || rows.has(name))
    .map((name) =>
      gridRow(
        { source, name, points: rows.get(name) ?? [], gone: name === '' ? gone : new Map() },
        days,
        page,
      ),
    )
}

interface Row {
  source: string
  name: string
  points: readonly ShownPoint[]
  /** By day, what became of the archive that was there. */
  gone: ReadonlyMap<number, string>
}

function gridRow({ source, name, points, gone }: Row, days: readonly number[], page: PageContext): Html {
  // The newest of a day is set last; a mirror does not hide what is known of the archive of its night.
  const { mirror = [], others = [] } = Object.groupBy(points.toReversed(), ({ kind }) =>
    kind === 'mirror' ? 'mirror' : 'others',
  )
  const byDay = new Map([...mirror, ...others].map((point) => [startOfDay(Date.parse(point.at)), point]))
  return html`<tr><th scope="row">${source}${name ? html` <small>${name}</small>` : nothing}${days.map(
    (day) => {
      const point = byDay.get(day)
      const was = gone.get(day)
      if (!point)
        return was ? html`<td><span class="unknown" title="${dayText(day)}: ${was}">·</span>` : html`<td>`
      const { shape, tone, word } = pointMark(point)
      const said = `${source}, ${pointTime(point.at)}: ${word}`
      if (point.missing)
        return html`<td><span class="${tone}" title="${said}" role="img" aria-label="${said}">${shape}</span>`
      return html`<td>${markLink({ shape, tone }, filesAt(point, page), said)}`
    },
  )}</tr>
`
}

/** The days of which an archive was there, and what became of it. */
function goneOf(outlook: Outlook | undefined): Map<number, string> {
  const gone = new Map<number, string>()
  for (const { provenAt } of outlook?.nights ?? [])
    gone.set(startOfDay(provenAt), 'a newer one took its place')
  for (const { at, paths } of outlook?.prunings ?? []) {
    for (const path of paths) {
      const night = Date.parse(`${basename(dirname(path))}T12:00`)
      if (!Number.isNaN(night)) gone.set(startOfDay(night), `pruned on ${dayText(at)}`)
    }
  }
  return gone
}
