import type { Checked } from '../../../backup/status/checked.ts'
import type { Status } from '../../../backup/status/read-status.ts'
import { count } from '../../../count.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { agoTag, plainText, richText } from '../look/words.ts'

type Finding = Checked['findings'][number]

/** Who has more to see to begins with these. */
const mostShown = 20
/** Of a longer one the command has the rest. */
const mostCharacters = 400
/** What the sources themselves tell, as it is now. */
const toldOfSources = new Set(['source.held', 'source.overdue'])

/** Has a check made where the last one is too old. @returns Whether one is being made. Beside a run none is begun. */
export function isBeingChecked(
  { run }: Pick<Status, 'run'>,
  { engine, checks }: Pick<PageContext, 'engine' | 'checks'>,
): boolean {
  if (run !== null) return false
  const [last] = engine.journal.runs(1)
  return checks.again(Date.parse(last?.end?.time ?? '') || 0)
}

/** What is wrong with a check that was made, errors first. */
export function toldOf({ findings }: Pick<Checked, 'findings'>): Finding[] {
  const wrong = findings.filter(({ id }) => !toldOfSources.has(id))
  const rank = ({ severity }: Finding) => (severity === 'error' ? 0 : 1)
  return wrong.toSorted((one, other) => rank(one) - rank(other))
}

/** What `hdsync check` found the last time, with what to do about each. */
export function foundList(
  { checks }: Pick<PageContext, 'checks'>,
  { now, isChecking }: { now: number; isChecking: boolean },
): Html {
  const last = checks.last()
  const { problem } = checks
  if (!last && !isChecking && problem === undefined) return nothing
  const found = last ? toldOf(last) : []
  const again = isChecking ? html`; it is looking again now` : nothing
  return html`<section class="found" aria-labelledby="found"><h2 id="found">Checked</h2>
<p><code data-copy>hdsync check</code> ${last ? html`found ${found.length === 0 ? 'nothing else wrong' : 'this'} ${agoTag(Date.parse(last.at), now)}${again}.` : isChecking ? 'is looking for the first time.' : 'has not been here yet.'}</p>
${problem === undefined ? nothing : html`<p><span class="failed">■ The last one could not be made:</span> ${plainText(problem)}</p>`}
${found.length === 0 ? nothing : html`<dl>${found.slice(0, mostShown).map(findingItem)}</dl>`}
${found.length > mostShown ? html`<p>And ${count(found.length - mostShown)} more, which the command tells.</p>` : nothing}
</section>`
}

function findingItem({ severity, about, finding, remedy }: Finding): Html {
  const [tone, shape] = severity === 'error' ? ['failed', '■'] : ['late', '◐']
  return html`<dt><span class="${tone}"><span aria-hidden="true">${shape}</span> ${severity}</span> ${plainText(about)}
<dd>${richText(shortened(finding))}${remedy === null ? nothing : html`<p class="remedy">→ ${richText(remedy)}</p>`}
`
}

function shortened(text: string): string {
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters).toWellFormed()} …` : text
}
