import { html, raw } from 'hono/html'

/**
 * A piece of a page: what is put into it is escaped, unless it is such a piece itself. Values of attributes stand in double
 * quotes.
 */
export type Html = ReturnType<typeof html>

export { html, raw }

/** Nothing at all. */
export const nothing: Html = raw('')
