import { pointTime } from '../../../backup/restore/when.ts'
import { type RestorePoint, withoutCopies } from '../../../host/points/restore-point.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { dayText, nameText } from '../look/words.ts'
import { addressOf, type FilePlace, splitPath } from './paths.ts'

/** The moments that a source can be seen as of, each once, the newest first. */
export function momentsOf(points: readonly RestorePoint[]): RestorePoint[] {
  return [...Map.groupBy(withoutCopies(points), ({ at }) => at).values()].flatMap((same) => same[0] ?? [])
}

const mostShown = 16

/** As of when: the moment, those beside it, and all there are. */
export function timeBar(
  place: FilePlace,
  point: RestorePoint,
  points: readonly RestorePoint[],
  page: PageContext,
): Html {
  const moments = momentsOf(points)
  const here = moments.findIndex(({ at }) => at === point.at)
  const [newer, older] = [moments[here - 1], moments[here + 1]]
  const link = (to: RestorePoint, text: Html | string, label: string) =>
    html`<a href="${page.href(addressOf('/files', place, { at: to === moments[0] ? undefined : to.id }))}" title="${label}">${text}</a>`
  return html`<nav class="times" aria-label="As of when">
<span class="now">as of ${older ? link(older, '◄', `older: ${pointTime(older.at)}`) : html`<span aria-hidden="true" class="unknown">◄</span>`} <b>${pointTime(point.at)}</b> ${newer ? link(newer, '►', `newer: ${pointTime(newer.at)}`) : html`<span aria-hidden="true" class="unknown">►</span>`}</span>
<ol>${moments.slice(0, mostShown).map((one, n) => html`<li${one.at === point.at ? html` class="here"` : nothing}>${link(one, n === 0 ? 'latest' : shortDay(one), pointTime(one.at))}`)}</ol></nav>`
}

function shortDay({ at }: RestorePoint): string {
  return dayText(Date.parse(at)).slice(0, 6)
}

/** `var / mail / ann`, each part a link. */
export function crumbs({ source, path }: FilePlace, at: string | undefined, page: PageContext): Html {
  const link = (text: string, length: number) =>
    html`<a href="${page.href(addressOf('/files', { source, path: path.subarray(0, length) }, { at }))}">${text}</a>`
  let length = -1
  const parts = splitPath(path).map((name) => {
    length += 1 + name.length
    return html` <span aria-hidden="true">/</span> ${link(nameText(name), length)}`
  })
  return html`<nav class="crumbs" aria-label="Where">${link(source, 0)}${parts}</nav>`
}
