import { count } from '../../../count.ts'
import type { PageRequest } from '../context.ts'
import { type Html, html, nothing } from './html.ts'

/** Of a long list, which entry a view begins with: `?from=300`. */
export function fromIn(c: PageRequest): number {
  return Math.max(0, Math.floor(Number(c.req.query('from')) || 0))
}

/** Leads on in a long list; nothing at its end. @param href Leads to what begins with `next`. */
export function nextLink(next: number, total: number, href: string): Html {
  return next < total ? html`<p class="more"><a href="${href}">The next of ${count(total)}</a></p>` : nothing
}
