import { goneHubs, goneText } from '../../../backup/fleet/hubs/standing.ts'
import { type HostInFleet, type HostStanding, hostStandings } from '../../../backup/fleet/overview.ts'
import { count, counted } from '../../../count.ts'
import { shellQuote } from '../../../shell-quote.ts'
import type { PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { show } from '../look/layout.ts'
import { fromIn, nextLink } from '../look/parts.ts'
import { listText, momentText, plainText } from '../look/words.ts'
import { type Asked, askedOf, commandsGoingOn } from './commands.ts'
import { hostsTable } from './hosts.ts'
import { hostMarks } from './marks.ts'
import { certificateEnd, fleetOf } from './read.ts'
import { slotsOf } from './slots.ts'

/** So many hosts are shown at once; more take too long to load. */
const hostsShown = 100
/** So many labels are offered, those of the most hosts first; any other can be typed. */
const labelsOffered = 20

/** Every host, the worst first. */
export function fleetScreen(c: PageRequest, page: PageContext): Promise<Response> {
  const now = page.clock.now()
  const all = fleetOf(page, now)
  const chosen = chosenIn(c)
  const labelled = all.filter((host) => isMeant(host, chosen))
  const hosts = labelled.filter(({ state }) => chosen.state === undefined || state === chosen.state)
  const asked = askedOf(labelled)
  const from = fromIn(c)
  const next = from + hostsShown
  const slots = page.slots?.()
  const body = html`${certificateText(page, now)}${hubsText(page)}
${slots ? slotsOf(slots, now) : nothing}
${
  all.length === 0
    ? nothing
    : html`${totalsOf(labelled, { asked, chosen, page })}
${filterOf(all, chosen, page)}`
}
${hosts.length === 0 && all.length > 0 ? html`<p>No host is so. <a href="${page.href('/fleet')}">All ${count(all.length)}</a></p>` : nothing}
${hosts.length === 0 ? nothing : hostsTable(hosts.slice(from, next), slots?.places ?? [], page, now)}
${nextLink(next, hosts.length, page.href(`/fleet?${queryOf({ ...chosen, from: String(next) })}`))}
${commandsGoingOn(asked, page, now)}`
  return show(c, page, {
    title: 'Fleet',
    tab: 'fleet',
    sentence: sentenceOf(labelled, chosen),
    tone: toneOf(labelled),
    body,
    command: commandFor(all, chosen),
  })
}

/** What somebody wants to see. */
interface Chosen {
  state: HostStanding | undefined
  label: string | undefined
  /** A part of a host's name, or a label. */
  find: string | undefined
}

function chosenIn(c: PageRequest): Chosen {
  const { state, label, find } = c.req.query()
  return {
    state: hostStandings.find((one) => one === state),
    label: label || undefined,
    find: find || undefined,
  }
}

function isMeant({ host, labels }: HostInFleet, { label, find }: Chosen): boolean {
  if (label !== undefined && !labels.includes(label)) return false
  return find === undefined || host.includes(find) || labels.includes(find)
}

function queryOf(wanted: Partial<Record<keyof Chosen | 'from', string | undefined>>): string {
  const given = Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return new URLSearchParams(given).toString()
}

/** How many are how, each leading to those. */
function totalsOf(
  hosts: readonly HostInFleet[],
  { asked, chosen, page }: { asked: readonly Asked[]; chosen: Chosen; page: PageContext },
): Html {
  const counts = countsOf(hosts)
  const { state: _, ...others } = chosen
  const link = (state: HostStanding | undefined, text: Html) =>
    html`<li><a href="${page.href(`/fleet?${queryOf({ ...others, state })}`)}"${state === chosen.state ? html` aria-current="true"` : nothing}>${text}</a>`
  return html`<ul class="totals" aria-label="How many are how">
${link(undefined, html`<b>${count(hosts.length)}</b> in all`)}
${[...counts].map(([state, number]) => {
  const { tone, shape, word } = hostMarks[state]
  return link(
    state,
    html`<span class="${tone}"><span class="mark" aria-hidden="true">${shape}</span></span> <b>${count(number)}</b> ${word}`,
  )
})}${asked.length === 0 ? nothing : html`<li><a href="#commands"><b>${count(asked.length)}</b> asked of hosts</a>`}</ul>`
}

/** In the order of how bad it is. */
function countsOf(hosts: readonly HostInFleet[]): Map<HostStanding, number> {
  const groups = Map.groupBy(hosts, ({ state }) => state)
  const counts = hostStandings.map((state) => [state, groups.get(state)?.length ?? 0] as const)
  return new Map(counts.filter(([, number]) => number > 0))
}

function filterOf(all: readonly HostInFleet[], { label, find, state }: Chosen, page: PageContext): Html {
  const numbers = new Map<string, number>()
  for (const host of all) for (const one of host.labels) numbers.set(one, (numbers.get(one) ?? 0) + 1)
  const offered = [...numbers].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, labelsOffered)
  const chip = (name: string | undefined, text: Html | string) =>
    html`<li><a href="${page.href(`/fleet?${queryOf({ state, label: name })}`)}"${name === label ? html` aria-current="true"` : nothing}>${text}</a>`
  return html`<div class="filter">${
    offered.length === 0
      ? nothing
      : html`<ul class="labels" aria-label="Labels">${chip(undefined, 'all labels')}
${offered.map(([name, number]) => chip(name, html`${plainText(name)} <small>${count(number)}</small>`))}</ul>`
  }
<form class="find" role="search" aria-label="Hosts" action="${page.href('/fleet')}"><input type="search" name="find" aria-label="Find a host by its name or label" placeholder="find a host …" value="${find ?? ''}"></form></div>`
}

function sentenceOf(hosts: readonly HostInFleet[], { label, find }: Chosen): string {
  const meant = hosts.filter(({ state }) => state !== 'revoked')
  const those =
    label === undefined
      ? find === undefined
        ? ''
        : ` that match ${plainText(find)}`
      : ` with the label ${plainText(label)}`
  if (meant.length === 0)
    return those === ''
      ? 'No host is in the fleet yet: hdsync fleet enroll HOST lets one in.'
      : `There is no host${those.replace('that match', 'that matches')}.`
  const bad = [...countsOf(meant)].filter(([state]) => state !== 'good')
  const total = bad.reduce((sum, [, number]) => sum + number, 0)
  const all = meant.length === 1 ? 'The one host' : `All ${count(meant.length)} hosts`
  if (total === 0) return `${all}${those} ${meant.length === 1 ? 'is' : 'are'} good.`
  const what = listText(bad.map(([state, number]) => `${count(number)} ${hostMarks[state].word}`))
  return `${count(total)} of ${counted(meant.length, 'host')}${those} ${total === 1 ? 'needs' : 'need'} a look: ${what}.`
}

function toneOf(hosts: readonly HostInFleet[]): string {
  const [worst] = countsOf(hosts).keys()
  return worst === undefined ? '' : hostMarks[worst].sentence
}

function commandFor(all: readonly HostInFleet[], { label }: Chosen): string {
  if (all.length === 0) return 'hdsync fleet enroll HOST'
  return `hdsync fleet status${label === undefined ? '' : ` --label ${shellQuote([label])}`}`
}

/** Hubs that would not take over any more. */
function hubsText({ engine }: PageContext): Html {
  return html`${goneHubs(engine.fleet.inbox.role).map((one) => html`<p><span class="late"><span aria-hidden="true">◐</span> ${goneText(one)}.</span> On ${one.hub}: <code>systemctl status hdsync</code></p>`)}`
}

const dayMs = 86_400_000
const soonMs = 30 * dayMs

/** Without a certificate that is good no host tells anything. */
function certificateText(page: PageContext, now: number): Html {
  const end = certificateEnd(page)
  if (end === undefined || end - now >= soonMs) return nothing
  const [tone, shape, text] =
    end < now ? ['failed', '■', 'has expired'] : ['late', '◐', `expires on ${momentText(end, now)}`]
  return html`<p><span class="${tone}"><span aria-hidden="true">${shape}</span> The certificate of the NATS server ${text}.</span> <code data-copy>hdsync fleet init &amp;&amp; systemctl restart nats-server</code></p>`
}
