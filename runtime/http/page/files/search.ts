import { setImmediate as othersGoOn } from 'node:timers/promises'
import { namePattern } from '../../../backup/restore/name-pattern.ts'
import { pointTime } from '../../../backup/restore/when.ts'
import type { Entry } from '../../../host/points/entry.ts'
import { pathText } from '../../../host/points/path-text.ts'
import type { RestorePoint } from '../../../host/points/restore-point.ts'
import { shellQuote } from '../../../shell-quote.ts'
import { formatBytes } from '../../../units.ts'
import type { PageContext, PageRequest } from '../context.ts'
import { html, nothing } from '../look/html.ts'
import { show } from '../look/layout.ts'
import { momentTag, nameText, plainText } from '../look/words.ts'
import { Backups } from './backups.ts'
import { addressOf } from './paths.ts'

/** A name that was found, in its newest version. */
interface Found {
  source: string
  entry: Entry
  /** The newest restore point that has it, and how many do. */
  newest: RestorePoint
  points: Set<string>
}

const mostShown = 200

/** Where a name is or was, in all restore points that a catalogue knows, and in mirrors. */
export async function searchScreen(c: PageRequest, page: PageContext): Promise<Response> {
  const asked = (c.req.query('find') ?? '').slice(0, 200)
  const pattern = /[*?[]/.test(asked) ? asked : `*${asked}*`
  const found = await search(page, c.req.raw.signal, pattern)
  const shown = found.slice(0, mostShown)
  const now = page.clock.now()
  const body = html`<table class="files"><thead><tr><th scope="col" class="wide">Name<th scope="col" class="number">Size<th scope="col">Changed<th scope="col">Last seen<th scope="col" class="number">Points</tr></thead><tbody>
${shown.map(({ source, entry, newest, points }) => {
  const ms = Number(entry.mtimeNs / 1_000_000n)
  return html`<tr><th scope="row" class="wide"><a href="${page.href(addressOf('/files', { source, path: entry.path }, { at: newest.id }))}">${source}:${nameText(entry.path)}${entry.type === 'directory' ? '/' : ''}</a>
<td data-head="Size" class="number">${entry.type === 'file' ? formatBytes(entry.sizeBytes) : ''}
<td data-head="Changed">${momentTag(ms, now)}
<td data-head="Last seen">${pointTime(newest.at)}
<td data-head="Points" class="number">${points.size}</tr>
`
})}</tbody></table>${found.length > mostShown ? html`<p>The first ${mostShown}; a longer part of the name finds fewer.</p>` : nothing}`
  const what = `“${plainText(asked)}”`
  const sentence =
    found.length === 0
      ? `Nothing is or was called ${what}.`
      : `${found.length >= mostFound ? 'More than ' : ''}${found.length} ${found.length === 1 ? 'name' : 'names'} with ${what}, now or earlier.`
  return show(c, page, {
    title: `Find ${asked}`,
    tab: 'files',
    sentence,
    body,
    command: `hdsync find ${shellQuote([pattern])} --all`,
  })
}

/** So that neither memory nor patience runs out. */
const mostFound = 5000
/** So many names are looked at before others go on. */
const mostAtOnce = 4000

/** @throws {Problem} Others search already. */
async function search(page: PageContext, signal: AbortSignal, pattern: string): Promise<Found[]> {
  const leave = page.capacity.searches.enter()
  try {
    return await findIn(await Backups.open(page, signal), signal, pattern)
  } finally {
    leave()
  }
}

async function findIn(backups: Backups, signal: AbortSignal, pattern: string): Promise<Found[]> {
  const wanted = namePattern(pattern)
  const found = new Map<string, Found>()
  const isEnough = () => found.size >= mostFound
  const note = (entry: Entry, points: readonly RestorePoint[]) => {
    for (const point of points) {
      const key = `${point.source}\0${entry.path.toString('latin1')}`
      const known = found.get(key)
      if (!known && found.size < mostFound)
        found.set(key, { source: point.source, entry, newest: point, points: new Set([point.at]) })
      known?.points.add(point.at)
      if (known && point.at > known.newest.at) Object.assign(known, { entry, newest: point })
    }
  }
  for (const source of new Set(backups.points.map((point) => point.source))) {
    const groups = await backups.together(source)
    for (const group of groups) {
      using known = group
      for (const batch of known.matching(wanted)) {
        for (const { entry, points } of batch) note(entry, points)
        if (isEnough()) break
        await othersGoOn()
        signal.throwIfAborted()
      }
    }
    if (isEnough()) break
    if (groups.length > 0) continue
    // Without archives there is the mirror.
    const point = backups.point(source, undefined)
    let looked = 0
    for await (const entry of backups.lister(point).entries()) {
      if (entry.path.length > 0 && wanted.takes(pathText(entry.path))) note(entry, [point])
      if (isEnough()) break
      if (++looked % mostAtOnce === 0) await othersGoOn()
    }
  }
  return [...found.values()]
}
