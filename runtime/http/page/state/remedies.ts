import type { Status } from '../../../backup/status/read-status.ts'
import { lastOutcome } from '../../../backup/story/failure.ts'
import { toldOf } from '../../../backup/story/told.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { stateTag } from '../look/marks.ts'
import { plainText } from '../look/words.ts'

/** Who has more to see to begins with these. */
const mostShown = 10

/** What is wrong with each source that needs somebody, and what to do about it, as `hdsync why` tells it. */
export function remediesOf({ sources }: Status, page: PageContext): Html {
  const bad = sources.filter(({ state }) => state !== 'succeeded')
  if (bad.length === 0) return nothing
  return html`<section class="todo" aria-labelledby="todo"><h2 id="todo">What to do</h2>
${bad.slice(0, mostShown).map((source) => remedyOf(source, page))}
${bad.length > mostShown ? html`<p>And ${bad.length - mostShown} more, of which <code>hdsync why SOURCE</code> tells.</p>` : nothing}
</section>`
}

function remedyOf(
  { source: name, state, problem, todo }: Status['sources'][number],
  page: PageContext,
): Html {
  const source = page.config.sources[name]
  const outcome = lastOutcome(page.engine.journal, name)
  const steps = source && state !== 'none' ? toldOf(source, outcome, page.config).remedy : []
  return html`<article><h3>${name} ${stateTag(state)}</h3>
${problem === null ? nothing : html`<p>${plainText(problem)}</p>`}
${state === 'held' ? html`<p><a class="button" href="${page.href(`/holds/${encodeURIComponent(name)}`)}">See what would go, and decide</a></p>` : nothing}
${steps.length > 0 ? stepList(steps) : todo === null ? nothing : html`<p><code data-copy>${todo}</code></p>`}
</article>`
}

/** Prose, and commands that are to be pasted, which begin with `$ `. */
function stepList(steps: readonly string[]): Html {
  return html`<ol class="steps">${steps.map((step) =>
    step.startsWith('$ ')
      ? html`<li class="command"><code data-copy>${plainText(step.slice(2))}</code>`
      : html`<li>${plainText(step)}`,
  )}</ol>`
}
