import type { CopyStatus } from '../../../backup/copies/copy-status.ts'
import { count, counted } from '../../../count.ts'
import { shellQuote } from '../../../shell-quote.ts'
import { formatBytes } from '../../../units.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { stateTag } from '../look/marks.ts'
import { agoTag, dayText, plainText, timeTag } from '../look/words.ts'

/** The other places that have copies of archives: how each stands, and what of each source lies there. */
export function copiesOf(copies: readonly CopyStatus[], now: number): Html {
  if (copies.length === 0) return nothing
  return html`<section aria-labelledby="copies"><h2 id="copies">Copies elsewhere</h2>
${copies.map((copy) => placeOf(copy, now))}</section>`
}

function placeOf(place: CopyStatus, now: number): Html {
  const { copy, state, lastGoodAt, error, sources } = place
  const waiting = sources.reduce((sum, one) => sum + one.waiting, 0)
  const had =
    lastGoodAt === null
      ? 'It has never had everything'
      : html`It had everything ${agoTag(Date.parse(lastGoodAt), now)}`
  return html`<h3>${copy} ${state === 'none' ? nothing : stateTag(state)}</h3>
<p>${had}; ${waiting === 0 ? 'nothing waits to be copied' : `${counted(waiting, 'archive')} to be copied`}. ${whereText(place)}${error === null || state === 'succeeded' ? nothing : html` <span class="failed">${plainText(error)}</span>`}</p>
${waiting === 0 ? nothing : html`<p><code data-copy>hdsync copy ${copy}</code></p>`}
<table><thead><tr><th scope="col">Source<th scope="col" class="number">Archives<th scope="col">Newest<th scope="col" class="number">Size<th scope="col" class="number">To be copied</tr></thead><tbody>
${sources.map(
  ({ source, archives, newestAt, sizeBytes, waiting }) => html`<tr><th scope="row">${source}
<td data-head="Archives" class="number">${count(archives)}
<td data-head="Newest">${newestAt === null ? '–' : timeTag(Date.parse(newestAt), dayText(Date.parse(newestAt)))}
<td data-head="Size" class="number">${sizeBytes > 0 ? formatBytes(sizeBytes) : '–'}
<td data-head="To be copied" class="number">${count(waiting)}</tr>
`,
)}</tbody></table>`
}

/** Where it is, what this machine may do there, and who tells of it. */
function whereText({ copy, path, mounted, ssh, encrypted, sources }: CopyStatus): Html {
  if (ssh !== undefined) {
    const one = shellQuote([sources[0]?.source ?? 'SOURCE'])
    return html`It is a vault, <code>${ssh}</code>: this machine adds to it, and can neither change nor delete what lies there. Of it the record tells. ${encrypted ? 'What is in it is encrypted, and the identity of a recipient opens it, which is given to a command alone' : 'A command fetches what is in it'}: <code data-copy>hdsync restore ${one} --from ${copy} --to FOLDER${encrypted ? ' --identity FILE' : ''}</code>`
  }
  return mounted
    ? html`It lies at <code>${path}</code>.`
    : html`Its disk is not there: of it the record tells.`
}
