import { pointTime } from '../../../backup/restore/when.ts'
import { count } from '../../../count.ts'
import { shellQuote } from '../../../shell-quote.ts'
import { formatBytes } from '../../../units.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { agoTag, numberWord, plainText } from '../look/words.ts'
import type { PointsOf } from './grid.ts'
import { filesAt, pointMark, type ShownPoint } from './marks.ts'
import { fatesOf, outlookText } from './next-night.ts'

/** The restore points of a source, one a row, with what the next night does to each. */
export function sourceList({ source, points, outlook }: PointsOf, page: PageContext, now: number): Html {
  const fates = fatesOf(outlook)
  return html`<section aria-label="${source}"><h2>${source}</h2>
${outlookText(outlook, now)}
${missingText(source, points)}
<table class="compact"><thead><tr><th scope="col">Of<th scope="col">Kind<th scope="col" class="number">Files<th scope="col" class="number">Size<th scope="col">On<th scope="col">State<th scope="col">Proven<th scope="col">Stays</tr></thead><tbody>
${points.map((point) => pointRow(point, fates.get(point.path), page, now))}</tbody></table></section>`
}

/** What to make of archives that are not where they should be. */
function missingText(source: string, points: readonly ShownPoint[]): Html {
  const missing = points.filter((point) => point.missing).length
  if (missing === 0) return nothing
  const [what, it] =
    missing === 1 ? ['One archive is', 'it'] : [`${numberWord(missing)} archives are`, 'them']
  return html`<p><span class="failed">□</span> ${what} on record, but not on the disk: somebody has removed ${it}, or the disk has lost ${it}. Whether the others are good: <code data-copy>hdsync verify ${shellQuote([source])}</code></p>`
}

const kinds = { mirror: 'mirror', weekday: 'archive', kept: 'kept', copy: 'copy' }

function pointRow(point: ShownPoint, fate: string | undefined, page: PageContext, now: number): Html {
  const { at, kind, files, sizeBytes, target, provenAt, provenRestoreAt, damaged } = point
  const { shape, tone, word } = pointMark(point)
  const proven = provenRestoreAt ?? provenAt
  return html`<tr><th scope="row">${point.missing ? pointTime(at) : html`<a href="${filesAt(point, page)}">${pointTime(at)}</a>`}
<td data-head="Kind">${kinds[kind]}
<td data-head="Files" class="number">${files === undefined ? '–' : count(files)}
<td data-head="Size" class="number">${sizeBytes === undefined ? '–' : formatBytes(sizeBytes)}
<td data-head="On">${target}
<td data-head="State"><span class="${tone}">${shape} ${word}</span>${damaged === undefined ? nothing : html` <small>${plainText(damaged)}</small>`}
<td data-head="Proven">${proven === undefined ? 'never' : agoTag(Date.parse(proven), now)}
<td data-head="Stays">${point.missing ? '–' : (fate ?? (kind === 'weekday' || kind === 'kept' ? 'yes' : '–'))}</tr>
`
}
