import { type DataOf, readStored, restoreFailed, restoreFinished } from '../../../../events/index.ts'
import { liveRootOf } from '../../../backup/restore/destination.ts'
import type { RestorePlan } from '../../../backup/restore/make-plan.ts'
import { count, counted } from '../../../count.ts'
import { formatBytes } from '../../../units.ts'
import { recordAct } from '../../audit.ts'
import { Problem } from '../../problem.ts'
import { type Asked, askRestore, beginRestore } from '../../receive/restores.ts'
import { findRun, resultOf } from '../../run-results.ts'
import type { AddScreens, PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { formToken, leadTo, mayAct, show } from '../look/layout.ts'
import { listText, nameText, plainText } from '../look/words.ts'
import { commandOf, fieldsOf, restoreBodyOf, type Wanted, wantedIn } from './wanted.ts'

/** Bringing back: what and where to, then the plan, then the word that has it done, then how it goes, and the way back. */
export const bringBackScreens: AddScreens = (app, page) => {
  app.get('/bring-back', async (c) => {
    const wanted = wantedIn(new URLSearchParams(new URL(c.req.url).search))
    checkMay(c, page, wanted)
    return wanted.where === undefined ? whereScreen(c, page, wanted) : planScreen(c, page, wanted)
  })

  app.post('/bring-back', async (c) => {
    const form = c.get('form')
    const wanted = wantedIn(form)
    checkMay(c, page, wanted)
    if (form.get('word')?.trim() !== wanted.source)
      throw new Problem('invalid-restore', `Nothing was done: the word to type is ${wanted.source}.`)
    const { agreed } = await askRestore(restoreBodyOf(wanted, form.get('hash') ?? ''), page, c.req.raw.signal)
    if (!agreed) throw new Problem('invalid-restore', 'Nothing was done: there was no plan to agree to.')
    return begin(c, page, agreed, 'restore')
  })

  app.get('/bring-back/:run', (c) => runScreen(c, page, c.req.param('run')))

  app.post('/bring-back/:run/undo', async (c) => {
    const end = endOf(c.req.param('run'), page)
    if (!end?.id) throw new Problem('cannot-restore', 'There is nothing to take back.')
    checkMay(c, page, undefined)
    const request = { do: 'undo', root: end.root, id: end.id } as const
    return begin(c, page, { source: end.source, request }, 'undo')
  })
}

/** @throws {Problem} The session only looks, or the port takes no restores. */
function checkMay(c: PageRequest, { trusted, config }: PageContext, wanted: Wanted | undefined): void {
  if (!mayAct(c)) throw new Problem('read-only', 'This session looks only: it brings nothing back.')
  if (trusted || config.http?.restore) return
  throw new Problem(
    'restore-not-allowed',
    'This port takes no restores: `http.restore: true` in the config lets it.',
    { hint: `In a terminal: ${wanted ? commandOf(wanted) : 'hdsync restore PLACE'}` },
  )
}

function hidden(wanted: Wanted, without: readonly string[] = []): Html {
  return html`${fieldsOf(wanted)
    .filter(([name]) => !without.includes(name))
    .map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}`
}

function whereScreen(c: PageRequest, page: PageContext, wanted: Wanted): Promise<Response> {
  const live = liveFolder(wanted.source, page)
  const body = html`<form class="where" method="get" action="${page.href('/bring-back')}">${hidden(wanted, ['where', 'folder', 'delete'])}
<fieldset><legend>Where to?</legend>
<p><label><input type="radio" name="where" value="folder" checked> into a folder, which is made if it is not there</label> <input class="path" name="folder" aria-label="The folder" value="${wanted.folder}"></p>
${live === undefined ? html`<p class="unknown">${wanted.source} is not mounted here: it cannot be put where it was.</p>` : html`<p><label><input type="radio" name="where" value="in-place"> where it was, below <code>${live}</code>; that can be undone</label></p>`}
<p><label><input type="checkbox" name="delete" value="yes"> delete what was not there then</label></p></fieldset>
<p class="acts"><button class="main">Show what would be done</button></p></form>`
  const what = wanted.paths.length === 0 ? 'all' : counted(wanted.paths.length, 'choice')
  const sentence = `Bring back ${what} of ${wanted.source} to ${page.host}, as of ${wanted.at}. Nothing is done before you have seen the plan.`
  return show(c, page, {
    title: 'Restore',
    tab: 'files',
    sentence,
    body,
    command: commandOf({ ...wanted, where: undefined, deletes: false }),
  })
}

function liveFolder(source: string, { config }: PageContext): string | undefined {
  try {
    return liveRootOf(source, config)
  } catch {
    return undefined
  }
}

const actionsShown = 300

async function planScreen(c: PageRequest, page: PageContext, wanted: Wanted): Promise<Response> {
  const { plan } = await askRestore(restoreBodyOf(wanted), page, c.req.raw.signal)
  const { created, replaced, deleted, folders, request, actions, damage, hash } = plan
  const isNothing = actions.length === 0
  const body = html`${damage ? html`<p class="failed">Not all of it can be read: ${plainText(damage)}</p>` : nothing}
<p class="facts">${page.host} · ${wanted.source} · as of ${wanted.at} · to <code>${plainText(request.root)}</code></p>
${
  isNothing
    ? html`<p>Everything is there already, just so.</p>`
    : html`<table class="files"><thead><tr><th scope="col">What<th scope="col" class="wide">Name<th scope="col">Kind</tr></thead><tbody>
${actions.slice(0, actionsShown).map(
  ({ op, path, type }) => html`<tr><td data-head="What"><span class="${opTones[op]}">${opWords[op]}</span>
<th scope="row" class="wide">${nameText(path) || '.'}${type === 'directory' ? '/' : ''}
<td data-head="Kind">${type}</tr>
`,
)}</tbody></table>
${actions.length > actionsShown ? html`<p>The first ${actionsShown} of ${count(actions.length)}.</p>` : nothing}
<form class="acts" method="post" action="${page.href('/bring-back')}">${formToken(c)}${hidden(wanted)}<input type="hidden" name="hash" value="${hash}">
<label>Type <b>${wanted.source}</b> to have it done <input name="word" autocomplete="off" spellcheck="false" required></label> <button class="${deleted.entries > 0 ? 'danger' : 'main'}">Restore</button></form>`
}`
  return show(c, page, {
    title: 'The plan',
    tab: 'files',
    sentence: planSentence({ created, replaced, deleted, folders }),
    ...(deleted.entries > 0 && { tone: 'failed' }),
    body,
    command: `${commandOf(wanted)} --dry-run`,
  })
}

const opWords = { create: 'create', replace: 'replace', delete: 'delete', folder: 'attributes' }
const opTones = { create: 'good', replace: 'late', delete: 'failed', folder: 'unknown' }

function planSentence({
  created,
  replaced,
  deleted,
  folders,
}: Pick<RestorePlan, 'created' | 'replaced' | 'deleted' | 'folders'>): string {
  const parts = [
    ...(created.entries > 0 ? [`create ${count(created.entries)} (${formatBytes(created.sizeBytes)})`] : []),
    ...(replaced.entries > 0
      ? [`replace ${count(replaced.entries)} (${formatBytes(replaced.sizeBytes)})`]
      : []),
    ...(deleted.entries > 0 ? [`delete ${count(deleted.entries)}`] : []),
    ...(folders > 0 ? [`set the attributes of ${counted(folders, 'folder')}`] : []),
  ]
  return parts.length === 0 ? 'There is nothing to be done.' : `This would ${listText(parts)}.`
}

async function begin(
  c: PageRequest,
  page: PageContext,
  agreed: NonNullable<Asked['agreed']>,
  what: 'restore' | 'undo',
): Promise<Response> {
  const run = await beginRestore(agreed, page)
  await recordAct(c, page, what, `${agreed.source} into ${agreed.request.root}`)
  return leadTo(page, `/bring-back/${run}`)
}

type End = DataOf<typeof restoreFinished> & { reason?: string; missing?: string[] }

/** How a restore has ended; undefined before. */
function endOf(runId: string, { engine }: PageContext): End | undefined {
  const [event] = engine.bus.events({
    runId: findRun(engine, runId).id,
    types: [restoreFinished.type, restoreFailed.type],
    limit: 1,
  })
  if (!event) return undefined
  return event.type === restoreFailed.type
    ? readStored(restoreFailed, event.data).data
    : readStored(restoreFinished, event.data).data
}

function runScreen(c: PageRequest, page: PageContext, id: string): Promise<Response> {
  const run = findRun(page.engine, id)
  const result = resultOf(page.engine, run)
  const end = endOf(id, page)
  const isRunning = result.state === 'running' && !end
  const undo =
    end?.id && mayAct(c)
      ? html`<form class="acts" method="post" action="${page.href(`/bring-back/${run.id}/undo`)}">${formToken(c)}<button>Undo: put back what was there before</button></form>`
      : nothing
  const missing = end?.missing ?? []
  const body = html`${isRunning ? html`<p><progress data-progress max="1" aria-label="How far it is"></progress></p>` : nothing}
${missing.length > 0 ? html`<h2>What could not be read</h2><ul>${missing.map((one) => html`<li>${plainText(one)}`)}</ul>` : nothing}
${undo}
<p><a href="${page.href(`/nights/${run.id}`)}">Each of its steps</a></p>`
  const where = end ? plainText(end.root) : ''
  const sentence = isRunning
    ? 'It is being brought back.'
    : end && end.reason === undefined
      ? `${end.source} is brought back in ${where}.`
      : `The restore did not come about, or not all of it: ${plainText(end?.reason ?? result.error ?? result.state)}.`
  return show(c, page, {
    title: 'Restore',
    tab: 'files',
    sentence,
    tone: isRunning ? 'running' : end && end.reason === undefined ? 'succeeded' : 'failed',
    body,
    command: end?.id ? `hdsync restore --undo ${end.id}` : `hdsync show ${run.id}`,
    live: isRunning ? `/runs/${run.id}/stream` : undefined,
  })
}
