import { sourceArchived } from '../../../../events/index.ts'
import type { Status } from '../../../backup/status/read-status.ts'
import { formatBytes } from '../../../units.ts'
import type { PageContext } from '../context.ts'
import { type Html, html } from '../look/html.ts'
import { markOf, markTag } from '../look/marks.ts'
import { sparkline } from '../look/sparkline.ts'
import { agoTag, soonText, timeTag } from '../look/words.ts'
import { dotsOf } from './dots.ts'
import { endedSince, lastDays, type NightOf, nightsOf } from './nights.ts'

type Source = Status['sources'][number]

const daysShown = 30
/** Of many sources only the last week is shown: the calendar of nights has the rest. */
const manySources = 15
const daysOfMany = 7

/** The sources, those that need somebody first. */
export function sourcesTable(status: Status, page: PageContext, now: number): Html {
  const days = lastDays(status.sources.length > manySources ? daysOfMany : daysShown, now)
  const runs = endedSince(page.engine.journal, days[0] ?? now)
  const next = status.nextRunAt === null ? undefined : Date.parse(status.nextRunAt)
  return html`<table class="sources"><caption class="hidden">The sources, those that need somebody first</caption>
<thead><tr><th scope="col">Source<th scope="col">Last good<th scope="col">Proven<th scope="col" class="number">Points<th scope="col" class="number">On disk<th scope="col">Growth<th scope="col">Last ${days.length} nights<th scope="col">Next</tr></thead>
<tbody>
${status.sources.map((source) => sourceRow(source, nightsOf(source.source, runs, days), days, { page, now, next }))}
</tbody></table>`
}

interface Beside {
  page: PageContext
  now: number
  next: number | undefined
}

function sourceRow(
  source: Source,
  nights: readonly (NightOf | undefined)[],
  days: readonly number[],
  { page, now, next }: Beside,
): Html {
  const { source: name, state, lastGoodAt, provenRestoreAt, provenAt, restorePoints, sizeBytes } = source
  const { tone, word } = markOf(state)
  const said = state === 'succeeded' || state === 'none' ? '' : `${word}, `
  const proven = provenRestoreAt ?? provenAt
  return html`<tr id="source-${name}"><th scope="row">${markTag(state, word)} <a href="${page.href(`/files/${encodeURIComponent(name)}`)}">${name}</a>
<td data-head="Last good"><span class="${tone}">${said}</span>${lastGoodAt === null ? 'never' : since(lastGoodAt, now)}
<td data-head="Proven">${proven === null ? 'never' : html`${since(proven, now)}<small>${provenRestoreAt === null ? ' read back' : ' restored'}</small>`}
<td data-head="Points" class="number">${restorePoints}
<td data-head="On disk" class="number">${sizeBytes > 0 ? formatBytes(sizeBytes) : '–'}
<td data-head="Growth">${sparkline(sizesOf(name, days.length, page), `size of the archives of ${name}, the newest last`)}
<td data-head="Nights" class="dots">${dotsOf(nights, days, (run) => page.href(`/nights/${run}`), days.length < daysShown)}
<td data-head="Next">${state === 'held' ? 'after release' : next === undefined ? '–' : timeTag(next, soonText(next, now))}
</tr>
`
}

function since(iso: string, now: number): Html {
  const at = Date.parse(iso)
  return agoTag(at, now)
}

/** What its archives took, the oldest first. */
function sizesOf(source: string, nights: number, { engine }: PageContext): number[] {
  const events = engine.bus.events({
    types: [sourceArchived.type],
    subject: source,
    newestFirst: true,
    limit: nights,
  })
  return events.flatMap(({ data }) => (data as { sizeBytes?: number }).sizeBytes ?? []).reverse()
}
