import { weekOfNightsMs } from '../../../backup/keep/keeping.ts'
import { type KnownPoints, knownPoints } from '../../../backup/restore/known-points.ts'
import { nextRunAt } from '../../../backup/status/next-run.ts'
import { readCopies } from '../../../backup/status/read-copies.ts'
import { count } from '../../../count.ts'
import { Problem } from '../../problem.ts'
import type { AddScreens, PageContext } from '../context.ts'
import { type Html, html } from '../look/html.ts'
import { show } from '../look/layout.ts'
import { listText, numberWord, plainText } from '../look/words.ts'
import { lastDays } from '../state/nights.ts'
import { copiesOf } from './copies.ts'
import { gridOf } from './grid.ts'
import { sourceList } from './list.ts'
import type { ShownPoint } from './marks.ts'
import { outlookOf } from './next-night.ts'
import { shownPoints, withLinks } from './shown.ts'
import { summaryOf } from './summary.ts'
import { vaultHosts } from './vault.ts'

const daysShown = 30
/** More sources have a row each, and views of their own. */
const manySources = 12

/** The restore points: sources down, days across, then each by itself, and what the next night takes of them. */
export const pointScreens: AddScreens = (app, page) => {
  app.get('/points', async (c) => {
    const now = page.clock.now()
    const chosen = c.req.query('source')
    const isMany = Object.keys(page.config.sources).length > manySources
    const wanted = chosen !== undefined ? { source: chosen } : isMany ? { since: now - weekOfNightsMs } : {}
    const known = await knownPoints(page.config, (from) => from(page.engine), { ...wanted, missing: true })
    const all = Map.groupBy(shownPoints(known), ({ source }) => source)
    const bySource = chosen === undefined ? all : new Map([[chosen, pointsOf(chosen, all)]])
    const body = html`${[...known.absent].map(([target, reason]) => html`<p class="late">${target} cannot be looked at: ${plainText(reason)}. Of it only the record tells.</p>`)}
${await viewOf(bySource, known.files, page, now)}
${chosen === undefined ? html`${copiesOf(await readCopies(page.config, now, (read) => read(page.engine)), now)}${vaultHosts(page.config.vault, now)}` : html`<p class="more"><a href="${page.href('/points')}">All sources</a></p>`}`
    const bad = badOf([...bySource.values()].flat())
    return show(c, page, {
      title: 'Restore points',
      tab: 'points',
      sentence: sentenceOf(bySource, bad),
      tone: bad.damaged + bad.missing > 0 ? 'failed' : 'succeeded',
      body,
      command: `hdsync backups${chosen === undefined ? '' : ` ${chosen}`}`,
    })
  })
}

type BySource = ReadonlyMap<string, readonly ShownPoint[]>

/** @throws {Problem} There is nothing of it. */
function pointsOf(source: string, all: BySource): readonly ShownPoint[] {
  const own = all.get(source)
  if (own) return own
  throw new Problem('unknown-path', `There is no restore point of ${JSON.stringify(source)} yet.`)
}

async function viewOf(
  bySource: BySource,
  files: KnownPoints['files'],
  page: PageContext,
  now: number,
): Promise<Html> {
  if (bySource.size === 0) return html`<p>Each good backup makes some: <code data-copy>hdsync run</code></p>`
  if (bySource.size > manySources) return summaryOf(bySource, page)
  const next = await nextRunAt()
  const shown = await Promise.all(
    [...bySource].map(async ([source, points]) => {
      const outlook = await outlookOf(source, next, page)
      return { source, points: await withLinks(points, files, outlook), outlook }
    }),
  )
  return html`${gridOf(shown, lastDays(daysShown, now), page)}
${shown.map((one) => sourceList(one, page, now))}`
}

/** How many are damaged, and how many are not where they should be. */
interface Bad {
  damaged: number
  missing: number
}

function badOf(points: readonly ShownPoint[]): Bad {
  const missing = points.filter((point) => point.missing).length
  return { missing, damaged: points.filter((point) => !point.missing && point.damaged !== undefined).length }
}

function sentenceOf(bySource: BySource, { damaged, missing }: Bad): string {
  const points = [...bySource.values()].flat().length - missing
  if (points + missing === 0) return 'There is nothing to go back to yet.'
  const [first] = bySource.keys()
  const of = bySource.size === 1 ? first : `${numberWord(bySource.size)} sources`
  const all = `There are ${count(points)} restore points of ${of}`
  if (damaged + missing === 0) return `${all}; none is known to be damaged.`
  const are = (number: number, what: string) =>
    number === 0 ? [] : [`${number === 1 ? 'one is' : `${numberWord(number)} are`} ${what}`]
  return `${all}; ${listText([...are(damaged, 'damaged'), ...are(missing, 'missing')])}.`
}
