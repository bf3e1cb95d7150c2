import { TLSSocket } from 'node:tls'
import { auditLogin, auditRefused } from '../../../../events/index.ts'
import { byOf, record } from '../../audit.ts'
import { clientOf } from '../../guard.ts'
import { belowBase } from '../../page-paths.ts'
import { Problem } from '../../problem.ts'
import { readText } from '../../receive/body.ts'
import { respond } from '../../respond.ts'
import { checkSameSite } from '../../security/origin.ts'
import { rightOf } from '../../security/token.ts'
import { cookieName, setCookie } from '../../session/cookie.ts'
import type { Session } from '../../session/sessions.ts'
import { whoIn } from '../../who.ts'
import type { AddScreens, PageContext, PageRequest } from '../context.ts'
import { html, nothing } from '../look/html.ts'
import { leadTo, pageHeaders, show } from '../look/layout.ts'

/** The ways in: a code of `hdsync open`, which is used up by it, or a token of the config. */
export const loginScreens: AddScreens = (app, page) => {
  app.get('/open/:code', async (c) => {
    // Whoever only looks whether there is something does not use it up.
    if (c.env?.isHead) return respond(null, 200, pageHeaders)
    // Not by an image or a frame on any site: that would fill the record, and use up what may be wrong.
    const loadedAs = c.req.header('sec-fetch-dest') ?? 'document'
    if (loadedAs !== 'document')
      throw new Problem('cross-site', 'this link is followed, not loaded by a page')
    // A code has 192 bits: who brings a right one is let in, however many wrong ones came before.
    if (!page.sessions.useCode(c.req.param('code'))) {
      page.loginLimit.codes.take(clientOf(c.env))
      return refused(c, page, 'This link was used, or is older than five minutes.', 'code')
    }
    return begin(c, page, { how: 'code', right: 'act' }, '/')
  })

  app.get('/login', (c) => loginScreen(c, page, safePath(c.req.query('to'))))

  app.post('/login', async (c) => {
    checkSameSite((name) => c.req.header(name))
    const limit = page.loginLimit.tokens
    limit.check(clientOf(c.env))
    const form = new URLSearchParams(await readText(c.req))
    const { token: act, readToken: read } = page.secrets
    const right = rightOf(form.get('token')?.trim() ?? '', { act, read })
    if (!right) {
      limit.charge(clientOf(c.env), 1)
      return refused(c, page, 'This is not the token of this hdsync.', 'token')
    }
    return begin(c, page, { how: 'token', right }, safePath(form.get('to') ?? undefined))
  })
}

/** Where somebody goes who has to log in first. */
export function toLogin(page: PageContext, path: string): Response {
  return leadTo(page, path === '/' ? '/login' : `/login?to=${encodeURIComponent(path)}`)
}

/**
 * Whether a link on another site led here. A browser keeps the cookie to itself then (SameSite=Strict): that it is missing says
 * nothing yet.
 */
export function cameFromElsewhere(c: PageRequest): boolean {
  const isLed = c.req.header('sec-fetch-mode') === 'navigate' && c.req.header('sec-fetch-dest') === 'document'
  const site = c.req.header('sec-fetch-site')
  return isLed && (site === 'cross-site' || site === 'same-site') && c.req.query('once') === undefined
}

/** The path and query that were asked for, as they were sent, below what a reverse proxy puts before them. */
export function here({ config }: PageContext, c: PageRequest): string {
  const { pathname, search } = new URL(c.req.url)
  return belowBase(pathname, config.http?.base) + search
}

/** Has the browser ask once more, by a page of ours, so that it sends its cookie. */
export function onceMore(page: PageContext, c: PageRequest): Response {
  const [path = '', search] = here(page, c).split('?', 2)
  const query = new URLSearchParams(search)
  query.set('once', '')
  const address = page.href(`${path}?${query}`)
  const text = html`<!doctype html><html lang="en"><meta charset="utf-8"><title>hdsync</title><meta http-equiv="refresh" content="0; url=${address}"><p><a href="${address}">Go on</a></p></html>`
  return respond(String(text), 200, pageHeaders)
}

async function begin(
  c: PageRequest,
  page: PageContext,
  { how, right }: Pick<Session, 'how' | 'right'>,
  path: string,
): Promise<Response> {
  const { from } = byOf(undefined, c.env, page)
  // Always a new one: what a browser brings is never taken over.
  const { secret, session } = page.sessions.begin({ how, right, from })
  await record(page, auditLogin, { who: whoIn(session).name, from, how, right })
  return leadTo(page, path, { 'set-cookie': cookieOf(c, page, secret) })
}

/** The cookie with a secret; empty, to have it forgotten. */
export function cookieOf(c: PageRequest, { config, href }: PageContext, secret: string): string {
  const isEncrypted = c.env?.incoming?.socket instanceof TLSSocket
  const secure = isEncrypted || c.req.header('x-forwarded-proto') === 'https'
  return setCookie(cookieName(config.state), secret, { path: href('/'), secure })
}

async function refused(
  c: PageRequest,
  page: PageContext,
  sentence: string,
  what: 'code' | 'token',
): Promise<Response> {
  await record(page, auditRefused, { ...byOf(undefined, c.env, page), reason: `a wrong ${what}` })
  return loginScreen(c, page, '/', sentence, 403)
}

function loginScreen(
  c: PageRequest,
  page: PageContext,
  to: string,
  sentence = `Who wants to see the backups of ${page.host}?`,
  status = 200,
): Promise<Response> {
  const takesTokens = page.secrets.token !== undefined || page.secrets.readToken !== undefined
  const body = html`<div class="login">
<section><h2>As root on ${page.host}</h2>
<p>This prints a link that lets you in once:</p>
<p><code data-copy>hdsync open</code></p></section>
${
  takesTokens
    ? html`<section><h2>With a token</h2>
<form method="post" action="${page.href('/login')}">
<input type="hidden" name="to" value="${to}">
<label>Token <input type="password" name="token" autocomplete="current-password" required></label>
<button>Log in</button>
</form></section>`
    : nothing
}</div>`
  return show(c, page, { title: 'Log in', sentence, body }, status)
}

/** Where somebody goes after the login: a path of ours, and nowhere else, in characters that a header takes. */
function safePath(path = '/'): string {
  if (!/^\/(?![/\\])[^\\\p{C}]{0,2000}$/u.test(path)) return '/'
  return path.replace(/[^\x21-\x7e]/gu, encodeURIComponent)
}
