import { Hono } from 'hono'
import { type App, type AppContext, type AppOptions, createContext } from './context.ts'
import { failure } from './failure.ts'
import { browserGuard, clientOf, guard } from './guard.ts'
import { pathsBelow } from './page-paths.ts'
import { Problem, problemResponse } from './problem.ts'
import { deadLetterRoutes } from './routes/dead.ts'
import { eventRoutes } from './routes/events.ts'
import { functionRoutes } from './routes/functions.ts'
import { healthRoutes } from './routes/health.ts'
import { heldRoutes } from './routes/held.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { openapiRoutes } from './routes/openapi.ts'
import { pageRoutes } from './routes/page.ts'
import { restoreRoutes } from './routes/restores.ts'
import { runRoutes } from './routes/runs.ts'
import { streamRoutes } from './routes/stream.ts'
import { webhookRoutes } from './routes/webhooks.ts'

/**
 * The HTTP side of hdsync, for one listener. Every error is answered as problem details (RFC 9457).
 * @param context Made of `options` unless given.
 * @example
 * const app = createApp({ engine, config, version, secrets: await readSecrets(config) })
 * await app.request('/runs', { headers: { host: 'localhost', authorization: `Bearer ${token}` } })
 */
export function createApp(options: AppOptions, context: AppContext = createContext(options)): App {
  const getPath = pathsBelow(context.config.http?.base)
  const app: App = new Hono({ getPath })
  for (const add of routes) add(app, context)
  app.notFound(({ req: { method, path } }) => problemResponse(nothingThere(app, method, path)))
  const fail = (error: Error, method: string, path: string) =>
    problemResponse(failure(error, method, path, context))
  app.onError((error, { req }) => fail(error, req.method, req.path))
  // Before the routes, and not a middleware: `nothingThere` would find it at every path.
  const { fetch } = app
  const check = context.trusted ? browserGuard(context) : guard(context)
  app.fetch = (request, bindings, executionContext) => {
    const path = getPath(request)
    let env = bindings
    try {
      const who = check({
        method: request.method,
        path,
        client: clientOf(bindings),
        header: (name) => request.headers.get(name) ?? undefined,
      })
      env = { ...bindings, who, isHead: request.method === 'HEAD' }
    } catch (error) {
      return fail(error as Error, request.method, path)
    }
    if (request.method !== 'HEAD') return fetch(request, env, executionContext)
    return headOf(fetch(new Request(request, { method: 'GET' }), env, executionContext))
  }
  return app
}

/** A stream that nobody reads would never end: Hono drops the body, and leaves it open. */
async function headOf(answered: Response | Promise<Response>): Promise<Response> {
  const answer = await answered
  await answer.body?.cancel()
  return new Response(null, answer)
}

const routes = [
  eventRoutes,
  webhookRoutes,
  runRoutes,
  restoreRoutes,
  streamRoutes,
  functionRoutes,
  deadLetterRoutes,
  heldRoutes,
  metricsRoutes,
  healthRoutes,
  openapiRoutes,
  pageRoutes,
]

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** There may be something at the path for another method. */
function nothingThere(app: App, method: string, path: string): Problem {
  const taken = methods.filter((other) => app.router.match(other, path)[0].length > 0)
  if (taken.length === 0) return new Problem('unknown-path', `there is nothing at ${path}`)
  const allow = taken.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : one)).join(', ')
  return new Problem('wrong-method', `${path} takes ${allow}, not ${method}`, { headers: { allow } })
}
