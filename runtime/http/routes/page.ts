import type { Handler } from 'hono'
import type { App, AppContext, AppEnv } from '../context.ts'
import { pageParts, shownParts } from '../page-paths.ts'
import { Problem } from '../problem.ts'

/** The page, which is loaded once somebody asks for it. */
export function pageRoutes(app: App, context: AppContext): void {
  let page: Promise<App> | undefined
  const answer: Handler<AppEnv> = async ({ req, env }) => {
    page ??= loadPage(context)
    return (await page).fetch(req.raw, env)
  }
  const below = (part: string) => [`/${part}`, `/${part}/*`]
  app.on(['GET', 'POST'], ['/', ...pageParts.flatMap(below)], answer)
  app.on('GET', shownParts.flatMap(below), answer)
}

/** @throws {Problem} It cannot be found, as after an upgrade that has replaced the files. */
async function loadPage(context: AppContext): Promise<App> {
  try {
    const { createPage } = await import('../page/page.ts')
    return createPage(context)
  } catch (error) {
    throw new Problem('unavailable', `the page cannot be loaded: ${(error as Error).message}`, {
      hint: 'as after an upgrade: ask again once hdsync has ended what it is at, or restart it: systemctl restart hdsync',
    })
  }
}
