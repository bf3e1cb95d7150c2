import { Problem } from '../../problem.ts'
import type { AddScreens, PageContext, PageRequest } from '../context.ts'
import { html } from '../look/html.ts'
import { show } from '../look/layout.ts'
import { agoTag, numberWord } from '../look/words.ts'
import { Backups } from './backups.ts'
import { downloadOf } from './download.ts'
import { fileScreen } from './file.ts'
import { folderScreen } from './folder.ts'
import { lookAt } from './listing.ts'
import { addressOf, type FilePlace, placeIn } from './paths.ts'
import { searchScreen } from './search.ts'

/** Files as they were: by folder and date, by name, and each with its versions. */
export const fileScreens: AddScreens = (app, page) => {
  app.get('/files', (c) => (c.req.query('find') ? searchScreen(c, page) : sourcesScreen(c, page)))

  app.get('/files/*', async (c) => {
    const place = placeOf(c, page, '/files')
    const backups = await Backups.open(page, c.req.raw.signal, place.source)
    const point = backups.point(place.source, c.req.query('at'))
    if (c.req.query('download') !== undefined) return downloadOf(c, page, backups, place, point)
    const reader = backups.lister(point)
    if (!(await reader.isIndexed()))
      throw new Problem('unavailable', `What is in ${point.id} is on no catalogue.`, {
        hint: `hdsync ls ${place.source} --at ${point.id} reads it, which takes a while`,
      })
    const { itself, entries, isCut } = await lookAt(reader, place.path)
    const view = { place, point, backups }
    if (itself && itself.type !== 'directory') return fileScreen(c, page, { ...view, entry: itself })
    if (!itself && place.path.length > 0) return fileScreen(c, page, { ...view, entry: undefined })
    return folderScreen(c, page, { ...view, entries, isCut })
  })
}

/** The place of an address, of any bytes. */
export function placeOf(c: PageRequest, { config }: PageContext, route: string): FilePlace {
  return placeIn(new URL(c.req.url).pathname, route, config.http?.base)
}

async function sourcesScreen(c: PageRequest, page: PageContext): Promise<Response> {
  const now = page.clock.now()
  const { points } = await Backups.open(page, c.req.raw.signal)
  const bySource = [...Map.groupBy(points, ({ source }) => source)]
  const body = html`<table><thead><tr><th scope="col">Source<th scope="col">As of<th scope="col" class="number">Restore points<th scope="col">Back to</tr></thead><tbody>
${bySource.map(([source, own]) => {
  const [newest, oldest] = [Date.parse(own[0]?.at ?? ''), Date.parse(own.at(-1)?.at ?? '')]
  return html`<tr><th scope="row"><a href="${page.href(addressOf('/files', { source, path: Buffer.alloc(0) }))}">${source}</a>
<td data-head="As of">${agoTag(newest, now)}
<td data-head="Points" class="number">${own.length}
<td data-head="Back to">${agoTag(oldest, now)}</tr>
`
})}</tbody></table>`
  const sentence =
    bySource.length === 0
      ? 'Nothing is backed up yet: its files will stand here.'
      : `Files of ${bySource.length === 1 ? 'one source' : `${numberWord(bySource.length)} sources`}, as they were.`
  return show(c, page, {
    title: 'Files',
    tab: 'files',
    sentence,
    body,
    command: bySource.length === 0 ? 'hdsync run' : 'hdsync ls SOURCE',
  })
}
