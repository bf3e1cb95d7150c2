import type { RunResult } from '../../../../events/index.ts'
import { nightsOfHost } from '../../../backup/fleet/host-nights.ts'
import { backupKind } from '../../../backup/run-report.ts'
import { count } from '../../../count.ts'
import { tookMs } from '../../../run-duration.ts'
import { formatDuration } from '../../../units.ts'
import { Problem } from '../../problem.ts'
import type { PageContext, PageRequest } from '../context.ts'
import { html, nothing } from '../look/html.ts'
import { show } from '../look/layout.ts'
import { stateTag } from '../look/marks.ts'
import { dayText, momentTag } from '../look/words.ts'
import { calendarDays } from '../nights/calendar.ts'
import { nightSentence, sourcesOf } from '../nights/nights.ts'
import { lastDays } from '../state/nights.ts'
import { clipped, hostHref } from './hosts.ts'
import { hostOf } from './read.ts'

const sourcesShown = 200
const mostCharacters = 300

/** One night of a host: what it has told of its end. Its steps are known on the host alone. */
export function nightScreen(
  c: PageRequest,
  page: PageContext,
  { host: name, run }: { host: string; run: string },
): Promise<Response> {
  const now = page.clock.now()
  const { host } = hostOf(page, name, now)
  const [first = now] = lastDays(calendarDays, now)
  const night = nightsOfHost(page.engine.bus, host, first).find(({ id }) => id === run)
  if (!night)
    throw new Problem('unknown-run', `Of ${host} there is no run ${JSON.stringify(run)} on record here.`)
  const result = night.end?.data as RunResult
  const took = tookMs(result)
  // Those that need somebody first: of any number of sources the view is to stay small.
  const sources = result.sources
    .toSorted((a, b) => Number(a.state === 'succeeded') - Number(b.state === 'succeeded'))
    .slice(0, sourcesShown)
    .map((one) => ({ ...one, error: one.error === null ? null : clipped(one.error, mostCharacters) }))
  const body = html`<p class="facts">${stateTag(result.state)} · <a href="${hostHref(host, page)}">${host}</a> · begun ${momentTag(night.startedAt, now)}${took === undefined ? nothing : ` · took ${formatDuration(took)}`} · run <code>${clipped(run, 64)}</code></p>
${sourcesOf({ sources })}
${result.sources.length > sourcesShown ? html`<p>And ${count(result.sources.length - sourcesShown)} more.</p>` : nothing}
<p class="more">Its steps, commands and their output are on ${host}: <code data-copy>hdsync show ${clipped(run, 64)}</code></p>`
  return show(c, page, {
    title: `${host}, night of ${dayText(night.startedAt)}`,
    tab: 'fleet',
    sentence: `${host}, ${nightSentence({ ...result, kind: backupKind, sources })}`,
    tone: result.state,
    body,
    command: `hdsync fleet status ${host}`,
  })
}
