import { pointTime } from '../../../backup/restore/when.ts'
import { count } from '../../../count.ts'
import type { RestorePoint } from '../../../host/points/restore-point.ts'
import { formatBytes } from '../../../units.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { agoTag, plainText } from '../look/words.ts'
import type { PointsOf } from './grid.ts'
import { filesAt, pointMark } from './marks.ts'
import { fatesOf, outlookText } from './next-night.ts'

/** The restore points of a source, one a row, with what the next night does to each. */
export function sourceList({ source, points, outlook }: PointsOf, page: PageContext, now: number): Html {
  const fates = fatesOf(outlook)
  return html`<section aria-label="${source}"><h2>${source}</h2>
${outlookText(outlook, now)}
<table><thead><tr><th scope="col">Of<th scope="col">Kind<th scope="col" class="number">Files<th scope="col" class="number">Size<th scope="col">On<th scope="col">State<th scope="col">Proven<th scope="col">Stays</tr></thead><tbody>
${points.map((point) => pointRow(point, fates.get(point.path), page, now))}</tbody></table></section>`
}

const kinds = { mirror: 'mirror', weekday: 'archive', kept: 'kept', copy: 'copy' }

function pointRow(point: RestorePoint, fate: string | undefined, page: PageContext, now: number): Html {
  const { at, kind, files, sizeBytes, target, provenAt, provenRestoreAt, damaged } = point
  const { shape, tone, word } = pointMark(point)
  const proven = provenRestoreAt ?? provenAt
  return html`<tr><th scope="row"><a href="${filesAt(point, page)}">${pointTime(at)}</a>
<td data-head="Kind">${kinds[kind]}
<td data-head="Files" class="number">${files === undefined ? '–' : count(files)}
<td data-head="Size" class="number">${sizeBytes === undefined ? '–' : formatBytes(sizeBytes)}
<td data-head="On">${target}
<td data-head="State"><span class="${tone}">${shape} ${word}</span>${damaged === undefined ? nothing : html` <small>${plainText(damaged)}</small>`}
<td data-head="Proven">${proven === undefined ? 'never' : agoTag(Date.parse(proven), now)}
<td data-head="Stays">${fate ?? (kind === 'weekday' || kind === 'kept' ? 'yes' : '–')}</tr>
`
}
