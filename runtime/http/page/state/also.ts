import type { Status } from '../../../backup/status/read-status.ts'
import type { DeadLetter } from '../../../core/bus/journal.ts'
import { counted } from '../../../count.ts'
import { shellQuote } from '../../../shell-quote.ts'
import type { PageContext } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { plainText } from '../look/words.ts'

/** Something beside the sources that needs somebody. */
export interface Also {
  what: string
  /** The command to type. */
  todo: string
}

/** What needs somebody beside the sources: copies that are late, drills that failed, messages that reached nobody, functions that are off. */
export function alsoNeeds(
  { copies = [], sources, disabledFunctions = [] }: Pick<Status, 'copies' | 'sources' | 'disabledFunctions'>,
  dead: readonly Pick<DeadLetter, 'function'>[],
): Also[] {
  const untold = dead.filter((letter) => letter.function.startsWith('notify.')).length
  return [
    ...copies
      .filter(({ state }) => state === 'overdue' || state === 'failed')
      .map(({ copy, state, error }) => ({
        what: `The copy ${copy} ${state === 'failed' ? 'failed' : 'has not had everything for too long'}${error === null ? '' : `: ${error}`}.`,
        todo: `hdsync copy ${shellQuote([copy])}`,
      })),
    ...sources.flatMap(({ source, drill }) =>
      drill?.state === 'failed'
        ? [
            {
              what: `The last drill of ${source} failed${drill.error === null ? '' : `: ${drill.error}`}.`,
              todo: `hdsync drill ${shellQuote([source])}`,
            },
          ]
        : [],
    ),
    ...(untold > 0 ? [{ what: `${counted(untold, 'message')} reached nobody.`, todo: 'hdsync dead' }] : []),
    ...disabledFunctions.map((name) => ({
      what: `The function ${name} is disabled.`,
      todo: `hdsync functions enable ${shellQuote([name])}`,
    })),
  ]
}

/** A line for each, with its remedy. */
export function alsoList(status: Status, { engine }: PageContext): Html {
  const needs = alsoNeeds(status, engine.journal.dead())
  if (needs.length === 0) return nothing
  return html`<section aria-labelledby="also"><h2 id="also">Beside the sources</h2>
${needs.map(({ what, todo }) => html`<p><span class="late">◐</span> ${plainText(what)} <code data-copy>${todo}</code></p>`)}</section>`
}
