import { backupKind, type RunReport } from '../../../backup/run-report.ts'
import type { Story } from '../../../core/bus/journal.ts'
import { cancelReason } from '../../../core/cancel-reason.ts'
import { count } from '../../../count.ts'
import { tookMs } from '../../../run-duration.ts'
import { formatBytes, formatDuration } from '../../../units.ts'
import { recordAct } from '../../audit.ts'
import { Problem } from '../../problem.ts'
import { findRun, resultOf } from '../../run-results.ts'
import type { AddScreens, PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { formToken, leadTo, mayAct, show } from '../look/layout.ts'
import { markOf, markTag, stateTag } from '../look/marks.ts'
import { dayText, listText, momentTag, plainText } from '../look/words.ts'
import { endedSince, lastDays } from '../state/nights.ts'
import { calendarDays, calendarOf } from './calendar.ts'
import { pictureOf } from './picture.ts'
import { stepsTable } from './steps.ts'
import { timelineOf } from './timeline.ts'

/** The nights: all of them at a look, and each along its time. */
export const nightScreens: AddScreens = (app, page) => {
  app.get('/nights', (c) => nightsScreen(c, page))
  app.get('/nights/:run', (c) => nightScreen(c, page, c.req.param('run')))
  app.post('/nights/:run/cancel', async (c) => {
    const run = findRun(page.engine, c.req.param('run'))
    if (!(await page.engine.cancel(run.id, cancelReason(undefined))))
      throw new Problem('run-ended', 'This run has ended: there is nothing to cancel.')
    await recordAct(c, page, 'cancel', run.id)
    return leadTo(page, `/nights/${run.id}`)
  })
}

const runsShown = 40

function nightsScreen(c: PageRequest, page: PageContext): Promise<Response> {
  const now = page.clock.now()
  const all = c.req.query('kind') === 'all'
  const runs = page.engine.journal
    .runs(runsShown, all ? 'all' : backupKind)
    .map((run) => resultOf(page.engine, run))
  const [last] = runs
  const days = lastDays(calendarDays, now)
  const nightAt = (run: string) => page.href(`/nights/${run}`)
  const body = html`${calendarOf(endedSince(page.engine.journal, days[0] ?? now), days, nightAt)}
<section aria-labelledby="runs"><h2 id="runs">${all ? 'Runs of every event' : 'The last backups'}</h2>
<table><thead><tr><th scope="col">Run<th scope="col">State<th scope="col">Begun<th scope="col" class="number">Took<th scope="col" class="wide">${all ? 'Kind and sources' : 'Sources'}</tr></thead><tbody>
${runs.map((run) => runRow(run, page, now, all))}
</tbody></table>
<p class="more">${all ? html`<a href="${page.href('/nights')}">Backups alone</a>` : html`<a href="${page.href('/nights?kind=all')}">Restores, drills, verifications and runs of every other event</a>`}</p></section>`
  return show(c, page, {
    title: 'Nights',
    tab: 'nights',
    sentence: last ? nightSentence(last) : 'No run yet: the first one will stand here.',
    ...(last && { tone: last.state }),
    body,
    command: last ? `hdsync runs${all ? ' --all' : ''}` : 'hdsync run',
  })
}

function runRow(result: RunReport, page: PageContext, now: number, withKind: boolean): Html {
  const { run, kind, state, startedAt, sources, error } = result
  const at = Date.parse(startedAt)
  const took = tookMs(result)
  return html`<tr><th scope="row"><a href="${page.href(`/nights/${run}`)}"><code>${run}</code></a>
<td data-head="State">${stateTag(state)}
<td data-head="Begun">${momentTag(at, now)}
<td data-head="Took" class="number">${took === undefined ? '–' : formatDuration(took)}
<td data-head="Sources" class="wide">${withKind ? html`${kind} ` : nothing}${error === undefined || error === null ? nothing : plainText(error)}${sourceMarks(sources)}</tr>
`
}

/** So many are named each; of more, those that are good are counted. */
const mostNamed = 8

export function sourceMarks(sources: RunReport['sources']): Html {
  const isGood = ({ state }: RunReport['sources'][number]) => state === 'succeeded'
  const good = sources.length > mostNamed ? sources.filter(isGood) : []
  const named = good.length > 0 ? sources.filter((one) => !isGood(one)).slice(0, mostNamed) : sources
  return html`${good.length > 0 ? html`<span class="of">${count(good.length)} ${markOf('succeeded').word}</span> ` : nothing}${named.map(
    ({ state, source }) =>
      html`<span class="of">${markTag(state, markOf(state).word)} ${plainText(source)}</span> `,
  )}`
}

/** How a run went, in words: who is backed up, who is not. */
export function nightSentence({ kind, state, startedAt, sources, error = null }: RunReport): string {
  const at = Date.parse(startedAt)
  const when = dayText(at)
  if (kind !== backupKind)
    return `The ${kind} of ${when} ${markOf(state).word === 'good' ? 'went well' : markOf(state).word}${error ? `: ${plainText(error)}` : ''}.`
  const named = (states: readonly string[]) =>
    sources.filter((one) => states.includes(one.state)).map(({ source }) => source)
  const [good, held, failed] = [
    named(['succeeded', 'degraded']),
    named(['held']),
    named(['failed', 'cancelled']),
  ]
  if (state === 'running') return `The run of ${when} is going on.`
  const parts = [
    good.length > mostNamed
      ? `${count(good.length)} sources are backed up`
      : good.length > 0
        ? `${listText(good)} ${good.length === 1 ? 'is' : 'are'} backed up`
        : '',
    held.length > 0 ? `${listText(held)} ${held.length === 1 ? 'is' : 'are'} held` : '',
    failed.length > 0 ? `${listText(failed)} failed` : '',
  ].filter(Boolean)
  return `${when}: ${parts.join('; ') || markOf(state).word}.`
}

/** Of a run of more sources each has a view of its own. */
const manySources = 12

function nightScreen(c: PageRequest, page: PageContext, id: string): Promise<Response> {
  const now = page.clock.now()
  const run = findRun(page.engine, id)
  const result = resultOf(page.engine, run)
  const chosen = c.req.query('source')
  const shown = shownOf(result, chosen)
  const story = storyOf(page.engine.journal.story(run.id), shown)
  const isRunning = result.state === 'running'
  const took = tookMs(result)
  const at = Date.parse(result.startedAt)
  const body = html`<p class="facts">${stateTag(result.state)} · begun ${momentTag(at, now)}${took === undefined ? '' : ` · took ${formatDuration(took)}`} · run <code>${run.id}</code></p>
${story.events.length === 0 ? nothing : pictureOf(timelineOf(story, now))}
${isRunning && mayAct(c) ? html`<form class="acts" method="post" action="${page.href(`/nights/${run.id}/cancel`)}">${formToken(c)}<button class="danger">Cancel this run</button></form>` : nothing}
${chosen === undefined ? nothing : html`<p class="more"><a href="${page.href(`/nights/${run.id}`)}">All sources of this run</a></p>`}
${result.sources.length > 0 ? sourcesOf(result, (source) => page.href(`/nights/${run.id}?source=${encodeURIComponent(source)}`)) : nothing}
${story.events.length === 0 ? nothing : stepsTable(story)}`
  return show(c, page, {
    title: `Night of ${dayText(at)}`,
    tab: 'nights',
    sentence: nightSentence(result),
    tone: result.state,
    body,
    command: `hdsync show ${run.id}`,
    live: isRunning ? `/runs/${run.id}/stream` : undefined,
  })
}

/** The sources whose steps are shown; undefined for all: of many, those that somebody has to look at. */
function shownOf({ sources }: RunReport, chosen: string | undefined): string[] | undefined {
  if (chosen !== undefined) return [chosen]
  if (sources.length <= manySources) return undefined
  return sources
    .filter(({ state }) => state !== 'succeeded')
    .slice(0, mostNamed)
    .map(({ source }) => source)
}

function storyOf(story: Story, shown: readonly string[] | undefined): Story {
  if (shown === undefined) return story
  return { events: story.events.filter(({ event }) => shown.includes(event.subject ?? '')) }
}

/** What became of each source of a run. @param linkOf Where one is shown by itself, of a run of many. */
export function sourcesOf(
  { sources }: Pick<RunReport, 'sources'>,
  linkOf?: (source: string) => string,
): Html {
  return html`<section aria-labelledby="sources"><h2 id="sources">Sources</h2><table><thead><tr><th scope="col">Source<th scope="col">State<th scope="col" class="number">Files copied<th scope="col" class="number">Bytes<th scope="col" class="number">Deleted<th scope="col" class="number">Attempts<th scope="col" class="wide">Why</tr></thead><tbody>
${sources.map(
  ({
    source,
    state,
    filesTransferred,
    bytesTransferred,
    filesDeleted,
    mountTrials,
    error,
  }) => html`<tr><th scope="row">${linkOf && sources.length > manySources ? html`<a href="${linkOf(source)}">${source}</a>` : plainText(source)}
<td data-head="State">${stateTag(state)}
<td data-head="Copied" class="number">${filesTransferred ?? '–'}
<td data-head="Bytes" class="number">${bytesTransferred === null ? '–' : formatBytes(bytesTransferred)}
<td data-head="Deleted" class="number">${filesDeleted ?? '–'}
<td data-head="Attempts" class="number">${mountTrials || '–'}
<td data-head="Why" class="wide">${error === null ? '' : plainText(error)}</tr>
`,
)}</tbody></table></section>`
}
