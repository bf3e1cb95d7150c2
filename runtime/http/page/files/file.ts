import { isUtf8 } from 'node:buffer'
import { placeText } from '../../../backup/restore/place.ts'
import { placeWord } from '../../../backup/restore/restore-line.ts'
import { type Sighting, type Version, versionsOf } from '../../../backup/restore/versions.ts'
import { pointTime } from '../../../backup/restore/when.ts'
import type { Entry } from '../../../host/points/entry.ts'
import type { RestorePoint } from '../../../host/points/restore-point.ts'
import { formatBytes } from '../../../units.ts'
import { Problem } from '../../problem.ts'
import type { PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { mayAct, show } from '../look/layout.ts'
import { momentTag, nameText, plainText } from '../look/words.ts'
import type { Backups } from './backups.ts'
import { crumbs, momentsOf, timeBar } from './bar.ts'
import { type DiffLine, diffLines, withContext } from './diff.ts'
import type { FileView } from './folder.ts'
import { addressOf, type FilePlace } from './paths.ts'

/** A file as it was, beside its other versions. @param entry undefined where it was not there then. */
export async function fileScreen(
  c: PageRequest,
  page: PageContext,
  { place, point, backups, entry }: FileView & { entry: Entry | undefined },
): Promise<Response> {
  const points = backups.of(place.source)
  const versions = versionsOf(await sightingsOf(backups, place))
  const text = nameText(Buffer.from(placeText(place)))
  if (!entry && versions.length === 0) throw new Problem('unknown-path', `No restore point has ${text}.`)
  const at = point.at === momentsOf(points)[0]?.at ? undefined : point.id
  const other = c.req.query('with')
  const body = html`${timeBar(place, point, points, page)}
${crumbs(place, at, page)}
<div class="file"><section aria-label="This version">
${entry ? factsOf(entry, mayAct(c), page) : html`<p class="late">It was not there on ${pointTime(point.at)}.</p>`}
${entry && mayAct(c) ? actions(place, point, page) : nothing}
${mayAct(c) ? await contents(entry, { place, point, backups }, other, page) : html`<p>This session sees what files are called, and not what is in them.</p>`}
</section>
<section aria-labelledby="versions"><h2 id="versions">Versions</h2>${versionsList(versions, place, point, mayAct(c), page)}</section></div>`
  const sentence = entry
    ? `${text}, as it was on ${pointTime(point.at)}.`
    : `${text} was not there on ${pointTime(point.at)}; another version was.`
  return show(c, page, {
    title: text,
    tab: 'files',
    sentence,
    body,
    command: `hdsync versions ${placeWord(place)}`,
  })
}

async function sightingsOf(backups: Backups, { source, path }: FilePlace): Promise<Sighting[]> {
  const sightings: Sighting[] = []
  for (const point of momentsOf(backups.of(source))) {
    try {
      const reader = backups.lister(point)
      if (!(await reader.isIndexed())) continue
      let entry: Entry | undefined
      for await (const one of reader.entries(path, 0)) entry = one
      sightings.push({ point, entry })
    } catch {
      // Of one that cannot be read there is nothing to tell; `hdsync versions` says why.
    }
  }
  return sightings
}

/** @param canRead Whether the session may know what is in it: a digest tells whether it is a text that somebody knows. */
function factsOf(
  { sizeBytes, mode, uid, gid, mtimeNs, type, linkTo, sha256 }: Entry,
  canRead: boolean,
  page: PageContext,
): Html {
  const ms = Number(mtimeNs / 1_000_000n)
  const size = type === 'file' ? formatBytes(sizeBytes) : `${type}${linkTo ? ` to ${nameText(linkTo)}` : ''}`
  return html`<p class="facts">${size} · ${mode.toString(8).padStart(4, '0')} · ${uid}:${gid} · changed ${momentTag(ms, page.clock.now())}${sha256 === undefined || !canRead ? nothing : html` · <span title="SHA-256 ${sha256}">SHA-256 ${sha256.slice(0, 8)}…</span>`}</p>`
}

function actions(place: FilePlace, point: RestorePoint, page: PageContext): Html {
  const query = new URLSearchParams({
    source: place.source,
    at: point.id,
    path: place.path.toString('base64url'),
  })
  return html`<p class="acts"><a class="button" href="${page.href(addressOf('/files', place, { at: point.id, download: 'file' }))}" download>Download</a> <a class="button" href="${page.href(`/bring-back?${query}`)}">Restore …</a></p>`
}

const mostPreviewBytes = 64 * 1024

async function contents(
  entry: Entry | undefined,
  view: FileView,
  other: string | undefined,
  page: PageContext,
): Promise<Html> {
  if (other !== undefined) return comparison(view, other, page)
  if (entry?.type !== 'file' || entry.sizeBytes === 0) return nothing
  try {
    const text = await beginning(view, view.point)
    if (text === undefined) return html`<p>It is no text.</p>`
    const cut =
      entry.sizeBytes > mostPreviewBytes ? html`<p>The first ${formatBytes(mostPreviewBytes)}.</p>` : nothing
    return html`<pre class="text" tabindex="0" aria-label="Its text">${plainText(text)}</pre>${cut}`
  } catch (error) {
    return html`<p class="late">${plainText((error as Error).message)}</p>`
  }
}

async function comparison(view: FileView, other: string, page: PageContext): Promise<Html> {
  const before = view.backups.point(view.place.source, other)
  const [older, newer] = before.at <= view.point.at ? [before, view.point] : [view.point, before]
  const [old, now] = [await beginning(view, older), await beginning(view, newer)]
  const back = html`<p><a href="${page.href(addressOf('/files', view.place, { at: view.point.id }))}">Show the text instead</a></p>`
  if (old === undefined || now === undefined)
    return html`<p>One of them is no text: they are not compared line by line.</p>${back}`
  const lines = diffLines(old, now)
  if (!lines) return html`<p>They are too long to be compared here.</p>${back}`
  const isSame = lines.every(({ sign }) => sign === ' ')
  return html`<p>From ${pointTime(older.at)} to ${pointTime(newer.at)}${isSame ? ': no line differs' : ''}:</p>
<pre class="text diff" tabindex="0" aria-label="What differs">${withContext(lines).map(lineOf)}</pre>${back}`
}

function lineOf(line: DiffLine | undefined): Html {
  if (!line) return html`<span class="gap">⋯</span>\n`
  const kind = { '+': 'ins', '-': 'del', ' ': 'span' }[line.sign]
  const text = `${line.sign} ${plainText(line.text)}`
  return kind === 'ins'
    ? html`<ins>${text}</ins>\n`
    : kind === 'del'
      ? html`<del>${text}</del>\n`
      : html`<span>${text}</span>\n`
}

/** The beginning of a text; undefined where it is none. */
async function beginning({ backups, place }: FileView, point: RestorePoint): Promise<string | undefined> {
  const stream = await backups.read(point, (reader) => reader.read(place.path))
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size >= mostPreviewBytes) break
  }
  const bytes = Buffer.concat(chunks).subarray(0, mostPreviewBytes)
  // A character may be cut at the end.
  const whole = size > mostPreviewBytes ? bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1) : bytes
  return isUtf8(whole) && !whole.includes(0) ? whole.toString() : undefined
}

function versionsList(
  versions: readonly Version[],
  place: FilePlace,
  here: RestorePoint,
  canRead: boolean,
  page: PageContext,
): Html {
  return html`<ol class="versions">${versions.map(({ entry, from, to, point }) => {
    const isThis = from <= here.at && here.at <= to
    const span = from === to ? pointTime(to) : `${pointTime(from)} to ${pointTime(to)}`
    const compare = canRead && !isThis && entry.type === 'file'
    return html`<li><span class="mark ${isThis ? 'good' : 'unknown'}" aria-hidden="true">${isThis ? '●' : '○'}</span> <a href="${page.href(addressOf('/files', place, { at: point.id }))}">${span}</a> <small>${entry.type === 'file' ? formatBytes(entry.sizeBytes) : entry.type}</small>${isThis ? html` <b>this one</b>` : nothing}${compare ? html` <a href="${page.href(addressOf('/files', place, { at: here.id, with: point.id }))}">compare</a>` : nothing}`
  })}</ol>`
}
