import { Hono } from 'hono'
import { hintOf, TerminalError, UsageError } from '../../errors.ts'
import type { App, AppContext } from '../context.ts'
import { failure } from '../failure.ts'
import { checkMayAct } from '../guard.ts'
import { pathsBelow } from '../page-paths.ts'
import { Problem } from '../problem.ts'
import { readText } from '../receive/body.ts'
import { checkSameSite, hostCheck } from '../security/origin.ts'
import { whoIn } from '../who.ts'
import { bringBackScreens } from './bring-back/bring-back.ts'
import { busScreens } from './bus/bus.ts'
import { type PageContext, type PageEnv, type PageRequest, pageContext } from './context.ts'
import { fileScreens } from './files/files.ts'
import { fleetRoutes } from './fleet/routes.ts'
import { holdScreens } from './holds/holds.ts'
import { html } from './look/html.ts'
import { show } from './look/layout.ts'
import { plainText } from './look/words.ts'
import { nightScreens } from './nights/nights.ts'
import { pointScreens } from './points/points.ts'
import { stateScreen } from './state/state.ts'
import { assetRoutes } from './ways-in/assets.ts'
import { cameFromElsewhere, here, loginScreens, onceMore, toLogin } from './ways-in/login.ts'
import { sessionScreens } from './ways-in/sessions.ts'

/**
 * The page: what a browser is shown. Whoever comes has a session, which begins with a code of `hdsync open` or a token;
 * the unix socket is no way around that, as a browser that reaches it (over a tunnel) is led by other pages too.
 */
export function createPage(context: AppContext): App {
  const page = pageContext(context)
  const app = new Hono<PageEnv>({ getPath: pathsBelow(context.config.http?.base) })
  const checkHost = hostCheck(context.config.http?.hosts ?? [])
  app.use(async (c, next) => {
    checkHost(c.req.header('host'))
    await next()
  })
  assetRoutes(app, page)
  loginScreens(app, page)
  app.use(async (c, next) => {
    const who = page.whoAsks((name) => (name === 'authorization' ? undefined : c.req.header(name)))
    if (!who?.session)
      return c.req.method === 'POST'
        ? toLogin(page, '/')
        : cameFromElsewhere(c)
          ? onceMore(page, c)
          : toLogin(page, here(page, c))
    c.env.who = who
    c.set('session', who.session)
    if (c.req.method === 'POST') c.set('form', await formOf(c))
    else if (!isNavigation(c)) checkSameSite((name) => c.req.header(name))
    await next()
  })
  for (const add of screens) add(app, page)
  app.notFound((c) => explain(c, page, new Problem('unknown-path', 'There is nothing at this address.')))
  app.onError((error, c) => explain(c as PageRequest, page, problemOf(error, c as PageRequest, page)))
  return app as unknown as App
}

const screens = [
  stateScreen,
  nightScreens,
  holdScreens,
  fileScreens,
  bringBackScreens,
  pointScreens,
  busScreens,
  fleetRoutes,
  sessionScreens,
]

/** What logs out needs no right: who only looks may leave as well. */
const needsNoRight = new Set(['/logout'])

/** The form of a POST. @throws {Problem} It was not sent by a page of ours, or by a session that only looks. */
async function formOf(c: PageRequest): Promise<URLSearchParams> {
  checkSameSite((name) => c.req.header(name))
  const session = c.get('session')
  const form = new URLSearchParams(await readText(c.req))
  const right = needsNoRight.has(c.req.path) ? 'act' : session.right
  checkMayAct({ ...whoIn(session), right }, form.get('form') ?? '')
  return form
}

/** Whether somebody follows a link or types an address, as opposed to a page that loads something. */
function isNavigation(c: PageRequest): boolean {
  return c.req.header('sec-fetch-mode') === 'navigate' && c.req.header('sec-fetch-dest') === 'document'
}

function problemOf(error: Error, c: PageRequest, page: PageContext): Problem {
  if (error instanceof UsageError)
    return new Problem('invalid-parameter', error.message, { hint: hintOf(error) })
  // As of a disk that is gone, or a path that leads over a link.
  if (error instanceof TerminalError)
    return new Problem('unavailable', error.message, { hint: hintOf(error) })
  return failure(error, c.req.method, c.req.path, page)
}

/** An error as a screen: what it is, and what to try. */
function explain(c: PageRequest, page: PageContext, problem: Problem): Promise<Response> {
  const { hint } = problem.extras
  const body = html`${hint ? html`<p>${plainText(hint)}</p>` : ''}<p><a href="${page.href('/')}">Back to the state of the sources</a></p>`
  return show(
    c,
    page,
    { title: 'Not done', sentence: plainText(problem.message), tone: 'failed', body },
    problem.status,
  )
}
