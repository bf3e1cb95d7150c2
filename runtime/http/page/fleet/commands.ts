import { type HostInFleet, isOfNote } from '../../../backup/fleet/overview.ts'
import { count } from '../../../count.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { momentTag } from '../look/words.ts'
import { clipped, hostHref } from './hosts.ts'

type Command = HostInFleet['commands'][number]

const mostShown = 30
const mostCharacters = 300

const marks: Readonly<Record<Command['state'], readonly [tone: string, shape: string, word: string]>> = {
  waiting: ['unknown', '○', 'waits for the host'],
  taken: ['running', '◌', 'goes on there, or waits for its turn'],
  refused: ['failed', '□', 'refused'],
  withdrawn: ['unknown', '–', 'taken back'],
  expired: ['late', '◐', 'the host was not there in time'],
  succeeded: ['good', '●', 'done'],
  degraded: ['late', '◐', 'done, with warnings'],
  held: ['held', '◆', 'held'],
  failed: ['failed', '■', 'failed'],
  cancelled: ['unknown', '□', 'cancelled'],
}

/** A command with the host that it is for. */
export interface Asked {
  host: string
  command: Command
}

/** What hosts were asked for and is not over, or did not go well, the newest first. */
export function askedOf(hosts: readonly HostInFleet[]): Asked[] {
  return hosts
    .flatMap(({ host, commands }) => commands.filter(isOfNote).map((command) => ({ host, command })))
    .sort((a, b) => (a.command.givenAt < b.command.givenAt ? 1 : -1))
}

export function commandsGoingOn(all: readonly Asked[], page: PageContext, now: number): Html {
  if (all.length === 0) return nothing
  return html`<section aria-labelledby="commands"><h2 id="commands">Asked of hosts</h2>
${tableOf(
  all
    .slice(0, mostShown)
    .map(({ host, command }) =>
      commandRow(command, now, html`<th scope="row"><a href="${hostHref(host, page)}">${host}</a>`),
    ),
  html`<th scope="col">Host`,
)}
${all.length > mostShown ? html`<p>And ${count(all.length - mostShown)} more, which <code>hdsync fleet status</code> tells.</p>` : nothing}</section>`
}

/** What one host was asked for, the newest first. */
export function commandsOf({ host, commands }: HostInFleet, now: number): Html {
  if (commands.length === 0) return nothing
  const open = commands.some(({ state }) => state === 'waiting' || state === 'taken')
  return html`<section aria-labelledby="commands"><h2 id="commands">Asked of it in the last days</h2>
${tableOf(
  commands.slice(0, mostShown).map((command) => commandRow(command, now, nothing)),
  nothing,
)}
${open ? html`<p class="more">To end it: <code data-copy>hdsync fleet cancel ${host}</code></p>` : nothing}</section>`
}

function tableOf(rows: readonly Html[], first: Html): Html {
  return html`<table class="commands"><thead><tr>${first}<th scope="col">What<th scope="col">Asked<th scope="col">State<th scope="col" class="wide">Told</tr></thead><tbody>
${rows}</tbody></table>`
}

function commandRow(
  { type, state, reason, run, givenAt, expiresAt }: Command,
  now: number,
  first: Html,
): Html {
  const [tone, shape, word] = marks[state]
  const until = Date.parse(expiresAt)
  return html`<tr>${first}<td data-head="What"><code>${type}</code>
<td data-head="Asked">${momentTag(Date.parse(givenAt), now)}
<td data-head="State"><span class="${tone}"><span class="mark" aria-hidden="true">${shape}</span> ${word}</span>${state === 'waiting' ? html` <small>until ${momentTag(until, now)}</small>` : nothing}
<td data-head="Told" class="wide">${reason === null ? (run === null ? '' : html`run <code>${clipped(run, 64)}</code>`) : clipped(reason, mostCharacters)}</tr>
`
}
