import { placeText } from '../../../backup/restore/place.ts'
import { placeWord } from '../../../backup/restore/restore-line.ts'
import { pointTime } from '../../../backup/restore/when.ts'
import { count } from '../../../count.ts'
import type { Entry } from '../../../host/points/entry.ts'
import type { RestorePoint } from '../../../host/points/restore-point.ts'
import { shellQuote } from '../../../shell-quote.ts'
import { formatBytes } from '../../../units.ts'
import type { PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { mayAct, show } from '../look/layout.ts'
import { fromIn, nextLink } from '../look/parts.ts'
import { momentTag, momentText, nameText } from '../look/words.ts'
import type { Backups } from './backups.ts'
import { crumbs, momentsOf, timeBar } from './bar.ts'
import { type Looked, lookAt, marked, type Row } from './listing.ts'
import { addressOf, type FilePlace, nameIn } from './paths.ts'

/** What a view of files is of. */
export interface FileView {
  place: FilePlace
  point: RestorePoint
  backups: Backups
}

const rowsShown = 300

/** A folder as it was, with what differs from the moment before, or is gone since. */
export async function folderScreen(
  c: PageRequest,
  page: PageContext,
  { place, point, backups, entries, isCut }: FileView & Pick<Looked, 'entries' | 'isCut'>,
): Promise<Response> {
  const points = backups.of(place.source)
  const moments = momentsOf(points)
  const isNewest = point.at === moments[0]?.at
  const other = isNewest ? moments[1] : moments[0]
  // What is not known whole cannot be told to be new or gone.
  const rows = await compared(entries, place, isCut ? undefined : other, !isNewest, backups)
  const from = fromIn(c)
  const at = isNewest ? undefined : point.id
  const shown = rows.slice(from, from + rowsShown)
  const text = nameText(Buffer.from(placeText(place)))
  const next = from + rowsShown
  const command = `hdsync ls ${placeWord(place)}${at ? ` --at ${shellQuote([at])}` : ''}`
  const body = html`${timeBar(place, point, points, page)}
${crumbs(place, at, page)}
<form method="get" action="${page.href('/bring-back')}"><input type="hidden" name="source" value="${place.source}"><input type="hidden" name="at" value="${point.id}">
<table class="files browse"><caption class="hidden">What is in ${text}</caption><thead><tr><th scope="col"><span class="hidden">Chosen</span><th scope="col" class="wide">Name<th scope="col" class="number">Size<th scope="col">Changed<th scope="col">Since</tr></thead><tbody>
${shown.map((row) => fileRow(row, { place, at, other, isNewest }, page))}
</tbody></table>
${isCut ? html`<p class="late">This folder holds more than ${count(rows.length)} entries, and these are some of them. A name is found by <i>find a file</i>, all of them by <code data-copy>${command}</code></p>` : nothing}
${rows.length === 0 ? html`<p>This folder was empty.</p>` : nothing}
${nextLink(next, rows.length, page.href(addressOf('/files', place, { at, from: String(next) })))}
${mayAct(c) ? html`<p class="acts"><button class="main">Restore what is chosen …</button> <a class="button" href="${page.href(addressOf('/files', place, { at, download: 'tar' }))}" download>Download this folder</a></p>` : html`<p>This session sees what files are called, and not what is in them.</p>`}
</form>`
  const sentence = isNewest
    ? `${text}, as it was last backed up, on ${pointTime(point.at)}.`
    : `${text}, as it was on ${pointTime(point.at)}.`
  return show(c, page, { title: text, tab: 'files', sentence, body, command })
}

async function compared(
  entries: readonly Entry[],
  { path }: FilePlace,
  other: RestorePoint | undefined,
  isNewer: boolean,
  backups: Backups,
): Promise<Row[]> {
  if (!other) return entries.map((entry) => ({ entry }))
  try {
    const reader = backups.lister(other)
    if (!(await reader.isIndexed())) return entries.map((entry) => ({ entry }))
    const there = await lookAt(reader, path)
    return there.isCut ? entries.map((entry) => ({ entry })) : marked(entries, there.entries, isNewer)
  } catch {
    // It is a help alone: without it the folder is shown as it was.
    return entries.map((entry) => ({ entry }))
  }
}

interface Beside {
  place: FilePlace
  at: string | undefined
  other: RestorePoint | undefined
  isNewest: boolean
}

function fileRow({ entry, mark }: Row, { place, at, other, isNewest }: Beside, page: PageContext): Html {
  const { path, type, sizeBytes, mtimeNs, linkTo } = entry
  // What is not here any more is seen as of the moment that has it.
  const isElsewhere = mark === 'gone' && isNewest
  const asOf = isElsewhere ? other?.id : at
  const name = nameText(nameIn(path))
  const ms = Number(mtimeNs / 1_000_000n)
  const since = sinceText(mark, isNewest, other)
  return html`<tr class="${mark ?? ''}"><td>${isElsewhere ? nothing : html`<input type="checkbox" name="path" value="${path.toString('base64url')}" aria-label="Choose ${name}">`}
<th scope="row" class="wide"><a href="${page.href(addressOf('/files', { source: place.source, path }, { at: asOf }))}">${name}${type === 'directory' ? '/' : ''}</a>${linkTo ? html` <small>→ ${nameText(linkTo)}</small>` : nothing}
<td data-head="Size" class="number">${type === 'file' ? formatBytes(sizeBytes) : type === 'directory' ? '' : type}
<td data-head="Changed">${momentTag(ms, page.clock.now())}
<td data-head="Since">${since}</tr>
`
}

function sinceText(mark: Row['mark'], isNewest: boolean, other: RestorePoint | undefined): Html {
  if (mark === undefined) return nothing
  const day = other ? ` ${momentText(Date.parse(other.at), Date.parse(other.at))}` : ''
  if (mark === 'gone')
    return html`<span class="failed">${isNewest ? `deleted, was there on${day}` : 'deleted since'}</span>`
  if (mark === 'changed') return html`<span class="late">changed ${isNewest ? `after${day}` : 'since'}</span>`
  return html`<span class="running">new after${day}</span>`
}
