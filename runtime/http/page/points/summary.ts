import { pointTime } from '../../../backup/restore/when.ts'
import { count } from '../../../count.ts'
import type { PageContext } from '../context.ts'
import { type Html, html } from '../look/html.ts'
import type { ShownPoint } from './marks.ts'

/** Many sources, a row each, which leads to its restore points. */
export function summaryOf(bySource: ReadonlyMap<string, readonly ShownPoint[]>, page: PageContext): Html {
  return html`<table><thead><tr><th scope="col">Source<th scope="col" class="number">Points<th scope="col">Newest<th scope="col">Oldest<th scope="col" class="number">Kept longer<th scope="col" class="number">Copies<th scope="col">Damaged<th scope="col">Missing</tr></thead><tbody>
${[...bySource].map(([source, points]) => summaryRow(source, points, page))}</tbody></table>`
}

function summaryRow(source: string, shown: readonly ShownPoint[], page: PageContext): Html {
  const points = shown.filter((point) => !point.missing)
  const missing = shown.length - points.length
  const times = points.map(({ at }) => at).sort()
  const of = (kind: ShownPoint['kind']) => points.filter((point) => point.kind === kind).length
  const damaged = points.filter((point) => point.damaged !== undefined).length
  return html`<tr><th scope="row"><a href="${page.href(`/points?source=${encodeURIComponent(source)}`)}">${source}</a>
<td data-head="Points" class="number">${count(points.length)}
<td data-head="Newest">${pointTime(times.at(-1) ?? '')}
<td data-head="Oldest">${pointTime(times[0] ?? '')}
<td data-head="Kept longer" class="number">${count(of('kept'))}
<td data-head="Copies" class="number">${count(of('copy'))}
<td data-head="Damaged">${damaged === 0 ? 'none' : html`<span class="failed">■ ${count(damaged)}</span>`}
<td data-head="Missing">${missing === 0 ? 'none' : html`<span class="failed">□ ${count(missing)}</span>`}</tr>
`
}
