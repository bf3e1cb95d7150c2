import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { localRoutes } from '../../../../../runtime/cli/daemon/local.ts'
import type { AppEnv } from '../../../../../runtime/http/context.ts'
import { isPagePath } from '../../../../../runtime/http/page-paths.ts'

test('no route of the unix socket is one of the page: that answers first, and asks for a session', () => {
  const app = new Hono<AppEnv>()
  localRoutes(() => undefined as never)(app)
  expect(app.routes.length).toBeGreaterThan(10)
  expect(app.routes.filter(({ method, path }) => isPagePath(path, method))).toEqual([])
})
