import { respond } from '../../respond.ts'
import { readCookie } from '../../session/cookie.ts'
import type { PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from './html.ts'

/** One view of the page. */
export interface Screen {
  title: string
  /** Which of the tabs it belongs to. */
  tab?: Tab
  /** The answer in words. */
  sentence: Html | string
  /** The state that the sentence is about, as marks have it. */
  tone?: string
  body: Html
  /** The command that shows the same. */
  command?: string
  /** In so many seconds the view is worth drawing again. */
  again?: number | undefined
  /** The path of a stream of what goes on, at whose messages the view is drawn again. */
  live?: string | undefined
}

export type Tab = 'state' | 'fleet' | 'nights' | 'files' | 'points' | 'bus'

const tabs: readonly [tab: Tab, path: string, name: string][] = [
  ['state', '/', 'State'],
  ['fleet', '/fleet', 'Fleet'],
  ['nights', '/nights', 'Nights'],
  ['files', '/files', 'Files'],
  ['points', '/points', 'Points'],
  ['bus', '/bus', 'Functions'],
]

/** Scripts and styles are files of ours, nothing is loaded from elsewhere, and no other page may frame this one. */
const policy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': policy,
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
}

/** Answers with a view. */
export async function show(
  c: PageRequest,
  page: PageContext,
  screen: Screen,
  status = 200,
): Promise<Response> {
  return respond(String(await documentOf(c, page, screen)), status, pageHeaders)
}

/** Leads a browser on, after a form was taken. */
export function leadTo(page: PageContext, path: string, headers: Record<string, string> = {}): Response {
  return respond(null, 303, { location: page.href(path), ...headers })
}

/** What each form that acts has in it. */
export function formToken(c: PageRequest): Html {
  return html`<input type="hidden" name="form" value="${c.get('session').formToken}">`
}

/** Whether the session may act. */
export function mayAct(c: PageRequest): boolean {
  return c.get('session')?.right === 'act'
}

function documentOf(c: PageRequest, page: PageContext, screen: Screen): Html {
  const theme = readCookie(c.req.header('cookie'), 'hdsync-theme')
  const asset = (name: string) => page.href(`/assets/${name}?v=${page.assets.get(name)?.version ?? ''}`)
  const session = c.get('session')
  return html`<!doctype html>
<html lang="en"${theme === 'dark' || theme === 'light' ? html` data-theme="${theme}"` : nothing}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${screen.title} · ${page.host} · hdsync</title>
<link rel="stylesheet" href="${asset('page.css')}">
<link rel="icon" href="${page.href('/assets/icon.svg')}" type="image/svg+xml">
<script src="${asset('page.js')}" defer></script>
</head>
<body${screen.live ? html` data-live="${page.href(screen.live)}"` : nothing}${screen.again ? html` data-again="${screen.again}"` : nothing}>
<a class="skip" href="#main">To the content</a>
<header class="top">
<a class="brand" href="${page.href('/')}"><b>hdsync</b> <span>${page.host}</span></a>
${session ? menu(c, page, screen.tab) : nothing}
</header>
<main id="main">
<h1${screen.tone ? html` class="${screen.tone}"` : nothing}>${screen.sentence}</h1>
${screen.body}
</main>
<footer>
${screen.command ? html`<p>The same in a terminal: <code data-copy>${screen.command}</code></p>` : html`<p></p>`}
<p class="zone">Times are those of ${page.host} (${zoneName()}). <button type="button" data-theme-switch hidden>Dark or light</button></p>
</footer>
</body>
</html>
`
}

function menu(c: PageRequest, page: PageContext, current: Tab | undefined): Html {
  const { right } = c.get('session')
  return html`<nav aria-label="Screens"><ul>
${tabs
  .filter(([tab]) => tab !== 'fleet' || isHub(page))
  .map(
    ([tab, path, name]) =>
      html`<li><a href="${page.href(path)}"${tab === current ? html` aria-current="page"` : nothing}>${name}</a></li>`,
  )}
</ul></nav>
<form class="find" role="search" action="${page.href('/files')}"><input type="search" name="find" aria-label="Find a file by its name" placeholder="find a file …" value="${c.req.query('find') ?? ''}"></form>
<div class="who">${right === 'read' ? html`<span>read only</span> ` : nothing}<a href="${page.href('/sessions')}">log out …</a></div>`
}

/** Whether other hosts tell this one how they stand. */
export function isHub({ config }: Pick<PageContext, 'config'>): boolean {
  return config.fleet?.role === 'hub'
}

function zoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}
