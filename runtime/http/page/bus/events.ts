import type { LoggedEvent } from '../../../core/bus/journal.ts'
import { shellQuote } from '../../../shell-quote.ts'
import { respondEvents } from '../../respond.ts'
import { Capacity } from '../../security/capacity.ts'
import type { AddScreens, PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { show } from '../look/layout.ts'
import { plainText, secondText, timeTag } from '../look/words.ts'
import { dataText } from '../nights/steps.ts'
import { tellOfEvents } from './stream.ts'

const eventsShown = 100
/** The night that it belongs to has all of it. */
const longestData = 800
const mostStreams = 16

/** The events, the newest first, each with what it carries; as they come, if somebody wants that. */
export const eventScreens: AddScreens = (app, page) => {
  const capacity = new Capacity(mostStreams, 'open streams')
  app.get('/bus/events', (c) => eventsScreen(c, page))
  app.get('/bus/stream', () => {
    return respondEvents(tellOfEvents(page, capacity.enter()))
  })
}

function eventsScreen(c: PageRequest, page: PageContext): Promise<Response> {
  const asked = (name: string) => c.req.query(name)?.trim().slice(0, 256) || undefined
  const [type, run, source] = [asked('type'), asked('run'), asked('source')]
  const types = type?.split(/[\s,]+/)
  const follow = c.req.query('follow') !== undefined
  const found = page.engine.journal
    .search({
      ...(types && { types }),
      ...(run && { runId: page.engine.journal.run(run)?.id ?? run }),
      ...(source && { subject: source }),
      limit: eventsShown,
    })
    .reverse()
  const field = (name: string, label: string, value: string | undefined, hint: string) =>
    html`<label>${label} <input name="${name}" value="${value ?? ''}" placeholder="${hint}"></label>`
  const body = html`<form class="acts" method="get" action="${page.href('/bus/events')}">${field('type', 'Type', type, 'snapshot.*')}${field('source', 'Source', source, 'var')}${field('run', 'Run', run, 'last')}<label><input type="checkbox" name="follow" value="yes"${follow ? html` checked` : nothing}> as they come</label><button>Show</button></form>
<table class="steps-table"><thead><tr><th scope="col">At<th scope="col">Run<th scope="col">About<th scope="col">Type<th scope="col" class="wide">Carries</tr></thead><tbody>
${found.map((one) => eventRow(one, page))}</tbody></table>`
  const sentence =
    found.length === 0
      ? 'No such event is on record.'
      : found.length === eventsShown
        ? `The last ${eventsShown} events${type || run || source ? ' of these' : ''}, the newest first.`
        : `${found.length} ${found.length === 1 ? 'event' : 'events'}, the newest first.`
  return show(c, page, {
    title: 'Events',
    tab: 'bus',
    sentence,
    body,
    command: shellQuote([
      ...['hdsync', 'events'],
      // Each by an option of its own: of several, one that begins with `-` would be an option itself.
      ...(types ?? []).flatMap((one) => ['--type', one]),
      ...(source ? ['--source', source] : []),
      ...(run ? ['--run', run] : []),
      ...(follow ? ['--follow'] : []),
    ]),
    live: follow ? '/bus/stream' : undefined,
  })
}

function eventRow({ seq, event }: LoggedEvent, page: PageContext): Html {
  const { time, runid, subject, type, data } = event
  const ms = Date.parse(time)
  const line = JSON.stringify(data ?? null)
  const short = line.length > 90 ? `${line.slice(0, 90)}…` : line
  return html`<tr><td data-head="At">${timeTag(ms, secondText(ms))}
<td data-head="Run">${runid ? html`<a href="${page.href(`/nights/${encodeURIComponent(runid)}`)}"><code>${runid}</code></a>` : '–'}
<td data-head="About">${plainText(subject ?? '–')}
<th scope="row" data-head="Type">${type}
<td data-head="Carries" class="wide"><details id="event-${seq}"><summary><code>${plainText(short)}</code></summary><pre>${plainText(dataText(event, longestData))}</pre></details></tr>
`
}
