import type { Status, TargetStatus } from '../../../backup/status/read-status.ts'
import { formatBytes } from '../../../units.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { numberWord } from '../look/words.ts'

/** The disks of the backups: what is left on them, and for how long. */
export function disksOf({ targets }: Status): Html {
  return html`<section aria-labelledby="disks"><h2 id="disks">Disks</h2>
<table><thead><tr><th scope="col">Target<th scope="col">Used<th scope="col" class="number">Free<th scope="col" class="number">A day<th scope="col">Lasts<th scope="col">Holds</tr></thead><tbody>
${targets.map(diskRow)}
</tbody></table></section>`
}

const barWidth = 120
const few = 14

function diskRow({
  target,
  path,
  mounted,
  freeBytes,
  totalBytes,
  tiers,
  perDayBytes,
  daysLeft,
}: TargetStatus): Html {
  const isShort = daysLeft !== null && daysLeft < few
  return html`<tr><th scope="row">${target} <small><code>${path}</code></small>
<td data-head="Used">${freeBytes === null || !totalBytes ? 'not known' : bar(1 - freeBytes / totalBytes, isShort)}
<td data-head="Free" class="number">${freeBytes === null || totalBytes === null ? '–' : html`${formatBytes(freeBytes)}<small> of ${formatBytes(totalBytes)}</small>`}${mounted ? nothing : html`<small> when it was last mounted</small>`}
<td data-head="A day" class="number">${perDayBytes === null ? '–' : `${perDayBytes < 0 ? '−' : '+'}${formatBytes(Math.abs(perDayBytes))}`}
<td data-head="Lasts">${daysLeft === null ? html`<span class="good">does not fill up</span>` : html`<span class="${isShort ? 'late' : 'good'}">${daysText(daysLeft)}</span>`}
<td data-head="Holds">${holdsText(tiers) || '–'}</tr>
`
}

/** How full a disk is. */
export function bar(share: number, isShort: boolean): Html {
  const percent = Math.round(share * 100)
  const said = `${percent} percent used`
  return html`<svg class="bar ${isShort ? 'late' : ''}" width="${barWidth}" height="8" role="img" aria-label="${said}"><title>${said}</title><rect class="whole" width="${barWidth}" height="8" rx="2"/><rect class="part" width="${Math.round(share * barWidth)}" height="8" rx="2"/></svg> <small>${percent} %</small>`
}

function holdsText(tiers: TargetStatus['tiers']): string {
  return Object.entries(tiers)
    .filter(([, bytes]) => bytes > 0)
    .map(([tier, bytes]) => `${tier} ${formatBytes(bytes)}`)
    .join(', ')
}

/** How long a disk lasts, in words. */
export function daysText(days: number): string {
  if (days < 1) return 'less than a day'
  if (days < 60) return days < 2 ? 'a day' : `${numberWord(Math.floor(days))} days`
  return days < 730 ? `${numberWord(Math.floor(days / 30))} months` : 'years'
}
