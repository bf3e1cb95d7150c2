import { type DiskInFleet, type HostInFleet, isFullSoon } from '../../../backup/fleet/overview.ts'
import type { SlotPlace } from '../../../backup/fleet/slots/desk.ts'
import { counted } from '../../../count.ts'
import { formatBytes } from '../../../units.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { agoTag, plainText } from '../look/words.ts'
import { daysText } from '../state/disks.ts'
import { hostMarks } from './marks.ts'

/** Of a longer text the screen of the host has more. */
const mostCharacters = 160
/** So many labels of a host are shown in a row. */
const labelsShown = 6

/** A row for each host, and below it what is wrong with it. */
export function hostsTable(
  hosts: readonly HostInFleet[],
  places: readonly SlotPlace[],
  page: PageContext,
  now: number,
): Html {
  const placeOf = new Map(places.map((place) => [place.host, place]))
  return html`<table class="hosts compact"><caption class="hidden">The hosts, the worst first</caption>
<thead><tr><th scope="col">Host<th scope="col">State<th scope="col">Last good<th scope="col">Proven<th scope="col">Heard<th scope="col">Disk<th scope="col">Version<th scope="col">Labels</tr></thead>
<tbody>
${hosts.map((host) => hostRow(host, placeOf.get(host.host), page, now))}</tbody></table>`
}

function hostRow(one: HostInFleet, place: SlotPlace | undefined, page: PageContext, now: number): Html {
  const { host, state, lastGoodAt, lastProvenAt, heardAt, version, labels, disks } = one
  const { tone, shape, word } = hostMarks[state]
  const why = whyRow(one)
  return html`<tr${why === nothing ? nothing : html` class="with-why"`}><th scope="row"><a href="${hostHref(host, page)}">${host}</a>
<td data-head="State"><span class="${tone}"><span class="mark" aria-hidden="true">${shape}</span> ${word}</span>${place ? html` <small>${placeText(place)}</small>` : nothing}
<td data-head="Last good">${sinceTag(lastGoodAt, now)}
<td data-head="Proven">${sinceTag(lastProvenAt, now)}
<td data-head="Heard">${sinceTag(heardAt, now)}
<td data-head="Disk">${diskTag(disks[0])}
<td data-head="Version">${version === null ? '–' : plainText(version)}
<td data-head="Labels" class="wide">${labelsText(labels)}</tr>
${why}`
}

/** What is wrong, where that is not said by the state alone. */
function whyRow({ state, troubles }: HostInFleet): Html {
  const [first] = troubles
  if (first === undefined || state === 'revoked') return nothing
  const more = troubles.length - 1
  return html`<tr class="why"><td colspan="8">${clipped(first, mostCharacters)}${more > 0 ? html` <small>and ${counted(more, 'other thing')}</small>` : nothing}</tr>
`
}

function labelsText(labels: readonly string[]): string {
  const shown = labels.slice(0, labelsShown).map(plainText).join(', ')
  return labels.length > labelsShown ? `${shown} …` : shown
}

/** How full the disk is that is full first, and what a day takes of it. */
function diskTag(disk: DiskInFleet | undefined): Html {
  if (!disk || disk.totalBytes === 0) return html`–`
  const { target, freeBytes, totalBytes, daysLeft } = disk
  const used = Math.round(Math.max(0, 1 - freeBytes / totalBytes) * 100)
  const said = `${plainText(target)}: ${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}`
  const soon = isFullSoon(disk) ? html`<span class="late">◐ ${daysText(daysLeft ?? 0)} left</span>` : nothing
  return html`<span title="${said}">${used} %</span> ${soon === nothing ? html`<small>${perDayText(disk)}</small>` : soon}`
}

/** What a host does about the slots of its backup server. */
export function placeText({ state, server }: Pick<SlotPlace, 'state' | 'server'>): string {
  const of = plainText(server)
  if (state === 'waits') return `waits for a slot of ${of}`
  return state === 'granted' ? `at work on ${of}` : `at work on ${of}, without a slot`
}

/** What a day takes of a disk. */
export function perDayText({ perDayBytes }: DiskInFleet): string {
  if (perDayBytes === null) return ''
  return `${perDayBytes < 0 ? '−' : '+'}${formatBytes(Math.abs(perDayBytes))} a day`
}

/** Where a host is shown. */
export function hostHref(host: string, page: PageContext): string {
  return page.href(`/fleet/${encodeURIComponent(host)}`)
}

/** How long ago something was that a host may never have told of, or told of as anything. */
export function sinceTag(iso: string | null, now: number): Html {
  const at = iso === null ? Number.NaN : Date.parse(iso)
  return Number.isNaN(at) ? html`never` : agoTag(at, now)
}

/** Text from a host, of which nothing is hidden, and no more shown than so many characters. */
export function clipped(text: string, most: number): string {
  const plain = plainText(text)
  return plain.length > most ? `${plain.slice(0, most).toWellFormed()} …` : plain
}
