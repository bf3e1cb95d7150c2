import { nameText as heldName } from '../../../backup/holds/held-names.ts'
import { type Hold, waitingHolds } from '../../../backup/holds/holds.ts'
import { count, counted } from '../../../count.ts'
import { heldLists } from '../../../host/mirror/held-lists.ts'
import { heldText } from '../../../why-held.ts'
import { recordAct } from '../../audit.ts'
import { dismissHolds, releaseHolds } from '../../routes/held.ts'
import type { AddScreens, PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { formToken, leadTo, mayAct, show } from '../look/layout.ts'
import { stateTag } from '../look/marks.ts'
import { fromIn, nextLink } from '../look/parts.ts'
import { agoTag, listText, plainText } from '../look/words.ts'

/** What is held: what would be deleted, and the two ways to decide. */
export const holdScreens: AddScreens = (app, page) => {
  app.get('/holds', (c) => holdsScreen(c, page))
  app.get('/holds/:id', (c) => holdScreen(c, page, c.req.param('id')))
  app.post('/holds/:id/release', async (c) => {
    const { runId, sources } = await releaseHolds(c.req.param('id'), page)
    await recordAct(c, page, 'release', sources.join(' '))
    return leadTo(page, `/nights/${runId}`)
  })
  app.post('/holds/:id/dismiss', async (c) => {
    const dismissed = await dismissHolds(c.req.param('id'), page)
    await recordAct(c, page, 'dismiss', dismissed.join(' '))
    return leadTo(page, '/')
  })
}

function holdsScreen(c: PageRequest, page: PageContext): Promise<Response> {
  const holds = page.engine.held()
  const names = holds.map(({ source }) => source)
  const sentence =
    holds.length === 0
      ? 'Nothing is held.'
      : `${listText(names)} ${holds.length === 1 ? 'is' : 'are'} held, and ${holds.length === 1 ? 'waits' : 'wait'} for you.`
  const now = page.clock.now()
  const body = html`<table><thead><tr><th scope="col">Source<th scope="col">Since<th scope="col" class="number">Would go<th scope="col" class="wide">Why</tr></thead><tbody>
${holds.map(
  ({
    source,
    at,
    facts,
  }) => html`<tr><th scope="row"><a href="${page.href(`/holds/${encodeURIComponent(source)}`)}">${source}</a>
<td data-head="Since">${agoTag(Date.parse(at), now)}
<td data-head="Would go" class="number">${count(facts.deletions)}
<td data-head="Why" class="wide">${plainText(heldText(facts))}</tr>
`,
)}</tbody></table>`
  return show(c, page, {
    title: 'Held',
    tab: 'state',
    sentence,
    tone: holds.length > 0 ? 'held' : 'succeeded',
    body,
    command: 'hdsync show --held',
  })
}

const namesAtOnce = 300

function holdScreen(c: PageRequest, page: PageContext, id: string): Promise<Response> {
  const { bus, journal } = page.engine
  const lists = heldLists(page.config.state)
  const holds = waitingHolds({ bus, journal, config: page.config, lists }, id)
  const [{ source }] = holds as [Hold]
  const sentence = plainText(
    holds.map(({ source, facts }) => `${source} is held: it ${heldText(facts)}.`).join(' '),
  )
  const from = fromIn(c)
  const body = html`${holds.map((hold) => holdPart(hold, c, page, from))}`
  return show(c, page, {
    title: `Held: ${source}`,
    tab: 'state',
    sentence,
    tone: 'held',
    body,
    command: `hdsync show --held ${source}`,
  })
}

function holdPart(hold: Hold, c: PageRequest, page: PageContext, from: number): Html {
  const { source, run, at, facts } = hold
  const { byFolder = [], hold: id = '', digest } = facts
  const names = heldLists(page.config.state).read(id, digest)
  const now = page.clock.now()
  return html`<p class="facts">${stateTag('held')} · ${agoTag(Date.parse(at), now)} · run <a href="${page.href(`/nights/${run}`)}"><code>${run}</code></a> · hold <code>${id}</code></p>
${decide(hold, names !== undefined, c, page)}
<section aria-label="Out of which folders"><h2>Out of which folders</h2>
<table><thead><tr><th scope="col" class="number">Files<th scope="col" class="number">Folders<th scope="col" class="wide">Out of</tr></thead><tbody>
${byFolder.map(
  ({ path, files, folders, whole }) => html`<tr><td data-head="Files" class="number">${count(files)}
<td data-head="Folders" class="number">${count(folders)}
<td data-head="Out of" class="wide"><code>${plainText(path)}</code>${whole ? html` <small>all of it</small>` : nothing}</tr>
`,
)}</tbody></table></section>
${names === undefined ? html`<p>Each name is on record no more: <code data-copy>hdsync run ${source}</code> looks again.</p>` : nameList(names, source, from, page)}`
}

function decide({ source, facts }: Hold, isKnown: boolean, c: PageRequest, page: PageContext): Html {
  if (!mayAct(c))
    return html`<p>This session looks only. In a terminal: <code data-copy>hdsync release ${source}</code></p>`
  const path = `/holds/${encodeURIComponent(source)}`
  return html`<div class="acts">
${isKnown ? html`<form method="post" action="${page.href(`${path}/release`)}">${formToken(c)}<button class="danger">Release: copy, and delete ${counted(facts.deletions, 'entry').replace('entrys', 'entries')} from the mirror</button></form>` : nothing}
<form method="post" action="${page.href(`${path}/dismiss`)}">${formToken(c)}<button>Dismiss: delete nothing, look again next time</button></form>
</div>
<p>If they were not deleted on purpose, the mirror and the archives still have them: <a href="${page.href(`/files/${encodeURIComponent(source)}`)}">look for them, and bring them back</a>, before anything else.</p>`
}

function nameList(names: readonly string[], source: string, from: number, page: PageContext): Html {
  const shown = names.slice(from, from + namesAtOnce)
  const next = from + namesAtOnce
  const path = `/holds/${encodeURIComponent(source)}`
  return html`<section aria-label="Each name"><h2>Each name</h2><ol class="names" start="${from + 1}">${shown.map((name) => html`<li><code>${plainText(heldName(name))}</code>`)}</ol>
${nextLink(next, names.length, page.href(`${path}?from=${next}`))}</section>`
}
