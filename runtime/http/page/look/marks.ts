import { type Html, html } from './html.ts'

/** What a state is shown by: colour, shape and word, so that no one of them is needed. */
export interface Mark {
  /** Names its colour in page.css. */
  tone: 'good' | 'late' | 'failed' | 'held' | 'running' | 'unknown'
  shape: string
  word: string
}

const marks: Readonly<Record<string, Mark>> = {
  succeeded: { tone: 'good', shape: '●', word: 'good' },
  degraded: { tone: 'late', shape: '◐', word: 'with warnings' },
  overdue: { tone: 'late', shape: '◐', word: 'overdue' },
  failed: { tone: 'failed', shape: '■', word: 'failed' },
  interrupted: { tone: 'failed', shape: '■', word: 'interrupted' },
  cancelled: { tone: 'failed', shape: '□', word: 'cancelled' },
  held: { tone: 'held', shape: '◆', word: 'held' },
  running: { tone: 'running', shape: '◌', word: 'running' },
  waiting: { tone: 'unknown', shape: '○', word: 'waiting' },
  none: { tone: 'unknown', shape: '○', word: 'never backed up' },
}

/** The mark of a state of a source or a run. */
export function markOf(state: string): Mark {
  return marks[state] ?? { tone: 'unknown', shape: '○', word: state }
}

/** A shape with its word beside it. */
export function stateTag(state: string): Html {
  const { tone, shape, word } = markOf(state)
  return html`<span class="state ${tone}"><span class="mark" aria-hidden="true">${shape}</span> ${word}</span>`
}

/** A shape alone, whose word is there for whoever cannot see it, or points at it. */
export function markTag(state: string, said: string): Html {
  const { tone, shape } = markOf(state)
  return html`<span class="mark ${tone}" title="${said}" role="img" aria-label="${said}">${shape}</span>`
}

/** A shape that leads somewhere; what it stands for is there for whoever cannot see it, or points at it. */
export function markLink(
  { shape, tone }: Pick<Mark, 'shape'> & { tone: string },
  href: string,
  said: string,
): Html {
  return html`<a class="${tone}" href="${href}" title="${said}" aria-label="${said}">${shape}</a>`
}
