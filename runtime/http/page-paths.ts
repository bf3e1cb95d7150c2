import { getPath } from 'hono/utils/url'

/** The first part of each path of the page; none is the API's, where it is asked for by a POST as well. */
export const pageParts = [
  'assets',
  'bring-back',
  'bus',
  'files',
  'holds',
  'login',
  'logout',
  'nights',
  'open',
  'points',
  'sessions',
] as const

/** Those of which the page only shows something: what is sent there is for the daemon's own routes of the unix socket. */
export const shownParts = ['fleet'] as const

const parts = new Set<string>(['', ...pageParts])
const shown = new Set<string>(shownParts)

/** Whether the page answers there, and not the API. */
export function isPagePath(path: string, method = 'GET'): boolean {
  const part = path.split('/', 2)[1] ?? ''
  return parts.has(part) || (shown.has(part) && (method === 'GET' || method === 'HEAD'))
}

/**
 * A path without what a reverse proxy puts before it: proxies may leave that or take it away.
 * @param base As the config has it.
 */
export function belowBase(path: string, base = ''): string {
  if (path === base) return '/'
  return path.startsWith(`${base}/`) ? path.slice(base.length) : path
}

/** Makes what reads the path of a request, below a base. */
export function pathsBelow(base: string | undefined): (request: Request) => string {
  return (request) => belowBase(getPath(request), base)
}
