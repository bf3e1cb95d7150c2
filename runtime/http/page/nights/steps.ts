import type { Envelope } from '../../../../events/index.ts'
import { isNotice } from '../../../backup/run-report.ts'
import type { Story, StoryDelivery, StoryEvent } from '../../../core/bus/journal.ts'
import { onlyLooks } from '../../../host/command/read-only-commands.ts'
import { formatDuration } from '../../../units.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { plainText, secondText } from '../look/words.ts'

/** What was done, in its order: commands, what came of them, and the events that followed. */
export function stepsTable({ events }: Story): Html {
  const steps = events
    .flatMap((one) => one.deliveries.map((delivery) => ({ one, delivery })))
    // Who tells hooks has nothing to show unless it failed.
    .filter(({ delivery }) => !isNotice(delivery.function) || delivery.state === 'dead')
    .toSorted((one, other) => beginOf(one) - beginOf(other))
  return html`<section aria-labelledby="steps"><h2 id="steps">Steps</h2>
<table class="steps-table"><thead><tr><th scope="col">At<th scope="col">Source<th scope="col">Function<th scope="col" class="number">Attempts<th scope="col" class="number">Took<th scope="col" class="wide">What came of it</tr></thead><tbody>
${steps.map((step) => stepRow(step, events))}
</tbody></table></section>`
}

interface Step {
  one: StoryEvent
  delivery: StoryDelivery
}

function beginOf({ one, delivery }: Step): number {
  return delivery.attempts[0]?.startedAt ?? Date.parse(one.event.time)
}

function stepRow(step: Step, events: readonly StoryEvent[]): Html {
  const { one, delivery } = step
  const { id, function: name, state, attempts } = delivery
  const [first, last] = [attempts[0], attempts.at(-1)]
  const took = first && last ? formatDuration(last.endedAt - first.startedAt) : '–'
  const followed = events.filter(({ event }) => event.parentid === one.event.id).map(({ event }) => event)
  return html`<tr id="step-${id}"><td data-head="At">${timeOfDay(beginOf(step))}
<td data-head="Source">${one.event.subject ?? '–'}
<td data-head="Function">${name}
<td data-head="Attempts" class="number">${attempts.length}
<td data-head="Took" class="number">${took}
<td data-head="Then" class="wide">${outcomeOf(state, last?.error ?? null, followed)}${detailsOf(delivery, one.event, followed)}</tr>
`
}

/** `02:15:04`. */
function timeOfDay(ms: number): string {
  return secondText(ms).slice(11)
}

function outcomeOf(state: StoryDelivery['state'], error: string | null, followed: readonly Envelope[]): Html {
  if (state === 'claimed') return html`<span class="running">running</span>`
  if (state === 'ready') return html`<span class="unknown">waiting</span>`
  if (error !== null && state !== 'done')
    return html`<span class="failed">${state === 'dead' ? 'given up' : state}: ${plainText(error)}</span>`
  return html`${followed.map(({ type }) => type).join(', ') || 'done'}`
}

function detailsOf(
  { id, commands, log, attempts }: StoryDelivery,
  event: Envelope,
  followed: readonly Envelope[],
): Html {
  const failed = attempts.filter(({ error }) => error !== null)
  return html`<details id="details-${id}"><summary>${commands.length === 0 ? 'events' : `${commands.length === 1 ? 'a command' : `${commands.length} commands`}, events`}</summary>
${failed.map(({ number, error }) => html`<p class="failed">attempt ${number}: ${plainText(error ?? '')}</p>`)}
${commands.map(commandOf)}
${log.map(({ level, message }) => html`<p class="${level === 'warn' ? 'late' : ''}">${plainText(message)}</p>`)}
<dl class="payloads"><dt>handled ${event.type}<dd><pre>${dataText(event)}</pre>
${followed.map((one) => html`<dt>then ${one.type}<dd><pre>${dataText(one)}</pre>`)}</dl></details>`
}

function commandOf({
  argv,
  exitCode,
  signal,
  durationMs,
  stderr = '',
}: StoryDelivery['commands'][number]): Html {
  const isGood = exitCode === 0
  const end =
    durationMs === undefined
      ? 'running'
      : `${signal ?? `exit code ${exitCode ?? '–'}`}, ${formatDuration(durationMs)}`
  return html`<div class="command-line${onlyLooks(argv) ? ' looks' : ''}"><code>${plainText(argv.join(' '))}</code> <small class="${isGood ? '' : 'failed'}">${end}</small>${stderr.trim() === '' ? nothing : html`<pre>${plainText(stderr.trim())}</pre>`}</div>`
}

const longestData = 4000

/** What an event carries, as far as somebody reads it. */
export function dataText({ data }: Pick<Envelope, 'data'>, longest = longestData): string {
  const text = JSON.stringify(data ?? null, null, 2)
  return text.length <= longest ? text : `${text.slice(0, longest)} …`
}
