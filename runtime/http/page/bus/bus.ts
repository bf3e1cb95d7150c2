import { describeFunctions, type FunctionDescription } from '../../../backup/describe-function.ts'
import { pausedBy } from '../../../backup/proof/dead-paused.ts'
import { adviceForRestore } from '../../../backup/restore/dead-restore.ts'
import type { DeadLetter, Queue } from '../../../core/bus/journal.ts'
import { count } from '../../../count.ts'
import { formatDuration } from '../../../units.ts'
import { recordAct } from '../../audit.ts'
import { redriveLetter } from '../../routes/dead.ts'
import type { AddScreens, PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { formToken, leadTo, mayAct, show } from '../look/layout.ts'
import { agoTag, numberWord, plainText, soonText, timeTag } from '../look/words.ts'
import { eventScreens } from './events.ts'

/** What handles what, what waits, what was given up; and the events. */
export const busScreens: AddScreens = (app, page) => {
  app.get('/bus', (c) => busScreen(c, page))
  app.post('/bus/dead/:id/redrive', async (c) => {
    const id = Number(c.req.param('id'))
    const { runId } = await redriveLetter(id, page.engine)
    await recordAct(c, page, 'redrive', String(id))
    return leadTo(page, runId ? `/nights/${runId}` : '/bus')
  })
  eventScreens(app, page)
}

async function busScreen(c: PageRequest, page: PageContext): Promise<Response> {
  const { engine, clock } = page
  await engine.refreshed()
  const now = clock.now()
  const functions = describeFunctions(engine.registry)
  const queues = new Map(engine.journal.queues(now, 'open').map((queue) => [queue.function, queue]))
  const dead = engine.journal.dead()
  const own = functions.filter(({ builtIn }) => !builtIn)
  const builtIn = functions.filter(({ builtIn }) => builtIn)
  const body = html`${deadPart(dead, c, page, now)}
${own.length > 0 ? functionsTable('Functions of your own', own, queues, now) : html`<section><h2>Functions of your own</h2><p>There are none: <code data-copy>hdsync functions new NAME --on run.failed</code> writes one.</p></section>`}
${functionsTable('Those of hdsync', builtIn, queues, now)}
<p class="more"><a href="${page.href('/bus/events')}">What was put on the bus, event by event</a></p>`
  const broken = own.filter(({ error, disabled }) => error !== undefined && !disabled)
  return show(c, page, {
    title: 'Functions',
    tab: 'bus',
    sentence: sentenceOf(dead.length, broken, queues),
    tone: dead.length > 0 || broken.length > 0 ? 'failed' : 'succeeded',
    body,
    command: dead.length > 0 ? 'hdsync dead' : 'hdsync functions',
  })
}

function sentenceOf(
  dead: number,
  broken: readonly FunctionDescription[],
  queues: ReadonlyMap<string, Queue>,
): string {
  const open = [...queues.values()].reduce((sum, { ready, claimed }) => sum + ready + claimed, 0)
  const parts = [
    ...(dead > 0
      ? [
          `${dead === 1 ? 'one delivery was' : `${numberWord(dead)} deliveries were`} given up after all attempts`,
        ]
      : []),
    ...broken.map(({ name }) => `${name} is left out, as it does not load`),
  ]
  const text =
    parts.length > 0
      ? parts.join('; ')
      : open > 0
        ? `${count(open)} in hand or due, and nothing was given up`
        : 'nothing waits, and nothing was given up'
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

function deadPart(dead: readonly DeadLetter[], c: PageRequest, page: PageContext, now: number): Html {
  if (dead.length === 0) return nothing
  return html`<section aria-labelledby="dead"><h2 id="dead">Given up</h2><table><thead><tr><th scope="col" class="number">Id<th scope="col">When<th scope="col">Function<th scope="col">Event<th scope="col">Source<th scope="col" class="number">Attempts<th scope="col" class="wide">Why<th scope="col"><span class="hidden">Take it up again</span></tr></thead><tbody>
${dead.map((letter) => deadRow(letter, c, page, now))}</tbody></table></section>`
}

function deadRow(letter: DeadLetter, c: PageRequest, page: PageContext, now: number): Html {
  const { id, function: name, event, tries, diedAt, error } = letter
  // A step of a restore or a verification has a way of its own to go on.
  const advice = adviceForRestore(letter) ?? pausedBy(letter)?.hint
  const redrive =
    advice !== undefined || !mayAct(c)
      ? nothing
      : html`<form method="post" action="${page.href(`/bus/dead/${id}/redrive`)}">${formToken(c)}<button>Redrive</button></form>`
  return html`<tr><td data-head="Id" class="number">${id}
<td data-head="When">${agoTag(diedAt, now)}
<th scope="row" data-head="Function">${name}
<td data-head="Event">${event.runid ? html`<a href="${page.href(`/nights/${event.runid}`)}">${event.type}</a>` : event.type}
<td data-head="Source">${plainText(event.subject ?? '–')}
<td data-head="Attempts" class="number">${tries}
<td data-head="Why" class="wide">${plainText(error)}${advice === undefined ? nothing : html`<br><small>${plainText(advice)}</small>`}
<td>${redrive}</tr>
`
}

function functionsTable(
  title: string,
  functions: readonly FunctionDescription[],
  queues: ReadonlyMap<string, Queue>,
  now: number,
): Html {
  return html`<section aria-label="${title}"><h2>${title}</h2><table class="compact"><thead><tr><th scope="col">Function<th scope="col">Handles<th scope="col" class="wide">Emits<th scope="col" class="number">Timeout<th scope="col">Next<th scope="col" class="number">Waiting<th scope="col" class="number">Given up</tr></thead><tbody>
${functions.map((one) => functionRow(one, queues.get(one.name), now))}</tbody></table></section>`
}

function functionRow(
  { name, on, emits, timeoutMs, next, error, disabled }: FunctionDescription,
  queue: Queue | undefined,
  now: number,
): Html {
  const waits = (queue?.ready ?? 0) + (queue?.waiting ?? 0) + (queue?.claimed ?? 0)
  const state = disabled
    ? html` <small>disabled</small>`
    : error === undefined
      ? nothing
      : html`<br><span class="failed">left out: ${plainText(error)}</span>`
  return html`<tr><th scope="row">${name}${state}
<td data-head="Handles">${on.join(', ')}
<td data-head="Emits" class="wide">${emits.join(', ') || '–'}
<td data-head="Timeout" class="number">${formatDuration(timeoutMs)}
<td data-head="Next">${next === undefined ? '–' : timeTag(Date.parse(next), soonText(Date.parse(next), now))}
<td data-head="Waiting" class="number">${waits || '–'}
<td data-head="Given up" class="number">${queue?.dead ? html`<span class="failed">${queue.dead}</span>` : '–'}</tr>
`
}
