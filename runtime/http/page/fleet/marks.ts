import type { HostStanding } from '../../../backup/fleet/overview.ts'
import { type Html, html } from '../look/html.ts'
import type { Mark } from '../look/marks.ts'

/** What a host is shown by, and what the sentence at the top is painted as. */
export const hostMarks: Readonly<Record<HostStanding, Mark & { sentence: string }>> = {
  failing: { tone: 'failed', shape: '■', word: 'failing', sentence: 'failed' },
  overdue: { tone: 'late', shape: '◐', word: 'overdue', sentence: 'failed' },
  silent: { tone: 'failed', shape: '□', word: 'silent', sentence: 'failed' },
  held: { tone: 'held', shape: '◆', word: 'held', sentence: 'held' },
  waiting: { tone: 'unknown', shape: '○', word: 'waiting', sentence: 'degraded' },
  degraded: { tone: 'late', shape: '◐', word: 'with warnings', sentence: 'degraded' },
  good: { tone: 'good', shape: '●', word: 'good', sentence: 'succeeded' },
  revoked: { tone: 'unknown', shape: '–', word: 'revoked', sentence: '' },
}

/** A shape with its word beside it. */
export function hostTag(state: HostStanding): Html {
  const { tone, shape, word } = hostMarks[state]
  return html`<span class="state ${tone}"><span class="mark" aria-hidden="true">${shape}</span> ${word}</span>`
}
