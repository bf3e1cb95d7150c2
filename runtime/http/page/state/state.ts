import { readStatus } from '../../../backup/status/read-status.ts'
import type { AddScreens, PageContext } from '../context.ts'
import { type Html, html } from '../look/html.ts'
import { isHub, show } from '../look/layout.ts'
import { alsoList } from './also.ts'
import { foundList, isBeingChecked } from './checked.ts'
import { disksOf } from './disks.ts'
import { remediesOf } from './remedies.ts'
import { sentenceOf } from './sentence.ts'
import { sourcesTable } from './sources.ts'

/** A check takes no longer as a rule. */
const secondsOfCheck = 5

/** How each source stands, and what to do about it. */
export const stateScreen: AddScreens = (app, page) => {
  app.get('/', async (c) => {
    const now = page.clock.now()
    const status = await readStatus(page.config, now, (read) => read(page.engine), { catalogues: false })
    const isChecking = isBeingChecked(status, page)
    const body = html`${sourcesTable(status, page, now)}
${remediesOf(status, page)}
${alsoList(status, page)}
${foundList(page, { now, isChecking })}
${disksOf(status)}`
    return show(c, page, {
      title: 'State',
      tab: 'state',
      sentence: isHub(page) && status.sources.length === 0 ? ofHub(page) : sentenceOf(status, now),
      tone: status.state,
      live: status.run === null ? undefined : `/runs/${status.run}/stream`,
      again: isChecking ? secondsOfCheck : undefined,
      body,
      command: 'hdsync status',
    })
  })
}

/** A hub may have nothing of its own to back up. */
function ofHub(page: PageContext): Html {
  return html`Nothing of this machine itself is backed up. How its hosts stand, <a href="${page.href('/fleet')}">the fleet</a> tells.`
}
