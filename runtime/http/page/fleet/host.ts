import type { RunResult } from '../../../../events/index.ts'
import { isMeant, setThere } from '../../../backup/fleet/commands/configure.ts'
import { failuresOfHost, nightsOfHost } from '../../../backup/fleet/host-nights.ts'
import { type HostInFleet, isFullSoon } from '../../../backup/fleet/overview.ts'
import type { PushedSet } from '../../../config/pushed/merge.ts'
import type { RunRow } from '../../../core/bus/journal.ts'
import { count, counted } from '../../../count.ts'
import { tookMs } from '../../../run-duration.ts'
import { shellQuote } from '../../../shell-quote.ts'
import { formatBytes, formatDuration } from '../../../units.ts'
import type { PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { show } from '../look/layout.ts'
import { stateTag } from '../look/marks.ts'
import { listText, momentTag, plainText } from '../look/words.ts'
import { calendarDays, calendarOf } from '../nights/calendar.ts'
import { sourceMarks } from '../nights/nights.ts'
import { bar, daysText } from '../state/disks.ts'
import { dotsOf } from '../state/dots.ts'
import { lastDays, nightsOf } from '../state/nights.ts'
import { commandsOf } from './commands.ts'
import { clipped, hostHref, perDayText, placeText, sinceTag } from './hosts.ts'
import { hostMarks, hostTag } from './marks.ts'
import { hostOf } from './read.ts'

const daysShown = 30
/** Of a host with more sources the nights of each are fewer, and stand together. */
const manySources = 12
const daysOfMany = 14
const sourcesShown = 60
const troublesShown = 20
const nightsShown = 30
const failuresShown = 20
const mostCharacters = 400

/** One host, as the hub knows it. */
export function hostScreen(c: PageRequest, page: PageContext, name: string): Promise<Response> {
  const now = page.clock.now()
  const host = hostOf(page, name, now)
  const days = lastDays(calendarDays, now)
  const nights = nightsOfHost(page.engine.bus, name, days[0] ?? now)
  const nightAt = (run: string) => `${hostHref(name, page)}/${encodeURIComponent(run)}`
  const place = page.slots?.().places.find((one) => one.host === name)
  const set = setThere(page.engine.bus, name, now).find(isMeant)?.set ?? []
  const body = html`${factsOf(host, now)}
${place ? html`<p><span class="running"><span class="mark" aria-hidden="true">◌</span> It ${placeText(place)}</span>, since ${momentTag(place.since, now)}.</p>` : nothing}
${troublesOf(host)}
${sourcesOf(host, nights, { now, nightAt })}
${disksOf(host)}
${
  nights.length === 0
    ? nothing
    : html`${calendarOf(nights, days, nightAt)}
${lastNights(nights, { now, nightAt })}`
}
${failuresOf(name, page, now)}
${commandsOf(host, now)}
${setOf(set)}
<p class="more"><a href="${page.href('/fleet')}">All hosts</a></p>`
  return show(c, page, {
    title: name,
    tab: 'fleet',
    sentence: sentenceOf(host),
    tone: hostMarks[host.state].sentence,
    body,
    command: `hdsync fleet status ${name}`,
  })
}

function sentenceOf({ host, state, sources, troubles }: HostInFleet): string {
  const named = (is: (one: HostInFleet['sources'][number]) => boolean) =>
    sources.filter(is).map(({ source }) => clipped(source, 64))
  if (state === 'good')
    return `${host} is good: ${sources.length === 1 ? 'its source is' : `${counted(sources.length, 'source')} are`} backed up.`
  if (state === 'revoked') return `${host} has no rights in the fleet any more; what it told stays.`
  if (state === 'waiting') return `${host} ${troubles[0] ?? 'has told nothing yet'}.`
  if (state === 'silent') return `Of ${host} ${troubles[0] ?? 'nothing is heard'}.`
  const whose = { failing: 'failed', held: 'held', degraded: 'degraded', overdue: '' }[state]
  const names = named((one) => (state === 'overdue' ? one.overdue : one.state === whose))
  const those =
    names.length === 0 ? '' : names.length > 4 ? `: ${count(names.length)} sources` : `: ${listText(names)}`
  const { word } = hostMarks[state]
  return `${host} is ${state === 'degraded' ? 'backed up, with warnings' : word}${those}.`
}

function factsOf(host: HostInFleet, now: number): Html {
  const { state, lastGoodAt, lastProvenAt, heardAt, version, labels, silentAfterMs, missing } = host
  return html`<p class="facts">${hostTag(state)} · last good ${sinceTag(lastGoodAt, now)} · proven by a drill ${sinceTag(lastProvenAt, now)} · heard ${sinceTag(heardAt, now)}${silentAfterMs === null ? nothing : ` (silent after ${formatDuration(silentAfterMs)})`}${version === null ? nothing : html` · hdsync ${plainText(version)}`}${labels.length === 0 ? nothing : html` · labels ${labels.map(plainText).join(', ')}`}</p>
${missing > 0 ? html`<p><span class="late">◐</span> ${counted(missing, 'event')} of it were told to a hub whose store was lost since.</p>` : nothing}`
}

/** What is wrong now, and what can be done about it from here. */
function troublesOf({ host, state, troubles, sources }: HostInFleet): Html {
  if (troubles.length === 0 || state === 'revoked') return nothing
  const held = sources.filter((one) => one.state === 'held').slice(0, 3)
  return html`<section class="troubles" aria-labelledby="troubles"><h2 id="troubles">What is wrong</h2>
<ul>${troubles.slice(0, troublesShown).map((text) => html`<li>${clipped(text, mostCharacters)}`)}</ul>
${troubles.length > troublesShown ? html`<p>And ${count(troubles.length - troublesShown)} more, which the command tells.</p>` : nothing}
${held.map(({ source }) => html`<p>Once you know that what is to be deleted may go: <code data-copy>hdsync fleet run ${host} --release ${shellQuote([source])}</code></p>`)}</section>`
}

interface Shown {
  now: number
  nightAt(run: string): string
}

function sourcesOf({ sources }: HostInFleet, nights: readonly RunRow[], { now, nightAt }: Shown): Html {
  if (sources.length === 0) return nothing
  const isMany = sources.length > manySources
  const days = lastDays(isMany ? daysOfMany : daysShown, now)
  const rank = ({ state, overdue }: HostInFleet['sources'][number]) =>
    state === 'failed' ? 0 : overdue ? 1 : state === 'succeeded' ? 3 : 2
  const shown = sources.toSorted((a, b) => rank(a) - rank(b)).slice(0, sourcesShown)
  return html`<section aria-labelledby="sources"><h2 id="sources">Sources</h2>
<table class="sources-of"><thead><tr><th scope="col">Source<th scope="col">State<th scope="col">Last good<th scope="col" class="number">Copied last<th scope="col">Last ${days.length} nights</tr></thead><tbody>
${shown.map(({ source, state, overdue, lastGoodAt }) => {
  const own = nightsOf(source, nights, days)
  const bytes = own.findLast((night) => night !== undefined)?.bytes
  return html`<tr><th scope="row">${clipped(source, 64)}
<td data-head="State">${stateTag(overdue ? 'overdue' : state)}
<td data-head="Last good">${sinceTag(lastGoodAt, now)}
<td data-head="Copied last" class="number">${bytes == null ? '–' : formatBytes(bytes)}
<td data-head="Nights" class="dots">${dotsOf(own, days, nightAt, isMany)}</tr>
`
})}</tbody></table>
${sources.length > sourcesShown ? html`<p>And ${count(sources.length - sourcesShown)} more, which the command tells.</p>` : nothing}</section>`
}

/** As the host told of them when its last run had ended. */
function disksOf({ disks }: HostInFleet): Html {
  if (disks.length === 0) return nothing
  return html`<section aria-labelledby="disks"><h2 id="disks">Disks</h2>
<table><thead><tr><th scope="col">Target<th scope="col">Used<th scope="col" class="number">Free<th scope="col" class="number">Growth<th scope="col" class="wide">Lasts</tr></thead><tbody>
${disks.map((disk) => {
  const { target, freeBytes, totalBytes, daysLeft } = disk
  const isSoon = isFullSoon(disk)
  return html`<tr><th scope="row">${plainText(target)}
<td data-head="Used">${totalBytes === 0 ? '–' : bar(Math.max(0, 1 - freeBytes / totalBytes), isSoon)}
<td data-head="Free" class="number">${formatBytes(freeBytes)}<small> of ${formatBytes(totalBytes)}</small>
<td data-head="Growth" class="number">${perDayText(disk) || '–'}
<td data-head="Lasts" class="wide">${daysLeft === null ? '–' : html`<span class="${isSoon ? 'late' : 'good'}">${daysText(daysLeft)}</span>`}</tr>
`
})}</tbody></table></section>`
}

function lastNights(nights: readonly RunRow[], { now, nightAt }: Shown): Html {
  return html`<section aria-labelledby="nights"><h2 id="nights">The last backups</h2>
<table><thead><tr><th scope="col">Begun<th scope="col">State<th scope="col" class="number">Took<th scope="col" class="number">Copied<th scope="col" class="wide">Sources</tr></thead><tbody>
${nights.slice(0, nightsShown).map((night) => nightRow(night, { now, nightAt }))}</tbody></table></section>`
}

function nightRow({ id, startedAt, end }: RunRow, { now, nightAt }: Shown): Html {
  const result = end?.data as RunResult
  const took = tookMs(result)
  const copied = result.sources.reduce((sum, { bytesTransferred }) => sum + (bytesTransferred ?? 0), 0)
  const error = result.sources.find((one) => one.error !== null)?.error ?? null
  return html`<tr><th scope="row"><a href="${nightAt(id)}">${momentTag(startedAt, now)}</a>
<td data-head="State">${stateTag(result.state)}
<td data-head="Took" class="number">${took === undefined ? '–' : formatDuration(took)}
<td data-head="Copied" class="number">${formatBytes(copied)}
<td data-head="Sources" class="wide">${sourceMarks(result.sources)}${error === null ? nothing : html`<br><small>${clipped(error, mostCharacters / 2)}</small>`}</tr>
`
}

/** What the hub has set in its config. */
function setOf(set: PushedSet): Html {
  if (set.length === 0) return nothing
  return html`<section aria-labelledby="set"><h2 id="set">Set in its config from here</h2>
<p>${set.map(({ key, value }) => html`<code>${clipped(`${key}: ${value}`, 200)}</code> `)}</p>
<p class="more">What sets and takes it back: <code data-copy>hdsync fleet config</code></p></section>`
}

/** Copies, drills, verifications and units that failed, now or earlier. */
function failuresOf(host: string, page: PageContext, now: number): Html {
  const failures = failuresOfHost(page.engine.bus, host, failuresShown)
  if (failures.length === 0) return nothing
  return html`<section aria-labelledby="failures"><h2 id="failures">What else has failed</h2>
<table><thead><tr><th scope="col">When<th scope="col" class="wide">What</tr></thead><tbody>
${failures.map(
  ({
    at,
    text,
  }) => html`<tr><td data-head="When">${momentTag(Date.parse(at), now)}<td data-head="What" class="wide">${clipped(text, mostCharacters)}</tr>
`,
)}</tbody></table></section>`
}
