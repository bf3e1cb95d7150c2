import { Hono } from 'hono'
import { getPath } from 'hono/utils/url'
import { systemClock } from '../engine/clock.ts'
import type { App, AppContext } from './context.ts'
import { guard } from './guard.ts'
import { Problem, problemResponse, storeFailed } from './problem.ts'
import { deadLetterRoutes } from './routes/dead.ts'
import { eventRoutes } from './routes/events.ts'
import { functionRoutes } from './routes/functions.ts'
import { healthRoutes } from './routes/health.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { openapiRoutes } from './routes/openapi.ts'
import { runRoutes } from './routes/runs.ts'
import { streamRoutes } from './routes/stream.ts'
import { webhookRoutes } from './routes/webhooks.ts'
import { RateLimit } from './security/rate-limit.ts'

export interface AppOptions extends Pick<AppContext, 'engine' | 'config' | 'version'> {
  /** From `readSecrets`; no token and no webhooks unless given. */
  secrets?: AppContext['secrets']
  /** Whoever gets here may do everything: the unix socket, whose file has permissions. */
  trusted?: boolean
  clock?: AppContext['clock']
  /** Ends the streams when it is aborted. */
  closing?: AbortSignal
  /** Told of what went wrong in hdsync itself. */
  onWarning?: (message: string) => void
}

/**
 * The HTTP side of hdsync, for one listener. Every error is answered as problem details (RFC 9457).
 * @example
 * const app = createApp({ engine, config, version, secrets: await readSecrets(config) })
 * await app.request('/runs', { headers: { host: 'localhost', authorization: `Bearer ${token}` } })
 */
export function createApp(options: AppOptions): App {
  const { engine, config, version, clock = systemClock, trusted = false, onWarning } = options
  const context: AppContext = {
    engine,
    config,
    version,
    clock,
    secrets: options.secrets ?? { token: undefined, webhooks: new Map() },
    closing: options.closing ?? new AbortController().signal,
    rateLimit: new RateLimit(trusted ? unlimited : (config.http?.rateLimit ?? defaultRate), clock),
  }
  const app: App = new Hono()
  for (const add of routes) add(app, context)
  app.notFound(({ req: { method, path } }) => problemResponse(nothingThere(app, method, path)))
  const fail = (error: Error, method: string, path: string) => {
    if (error instanceof Problem) return problemResponse(error)
    onWarning?.(`${method} ${path} failed: ${error.message}`)
    const failed = engine.dispatcher.failed
    return problemResponse(
      failed
        ? storeFailed(failed)
        : new Problem('internal', 'the journal of the service says more: journalctl -u hdsync'),
    )
  }
  app.onError((error, { req }) => fail(error, req.method, req.path))
  if (trusted) return app
  // Before the routes, and not one of them: a middleware would make every request pass through two layers more.
  const { fetch } = app
  const check = guard(context)
  app.fetch = (request, env, executionContext) => {
    try {
      check(request, env)
    } catch (error) {
      return fail(error as Error, request.method, getPath(request))
    }
    return fetch(request, env, executionContext)
  }
  return app
}

const routes = [
  eventRoutes,
  webhookRoutes,
  runRoutes,
  streamRoutes,
  functionRoutes,
  deadLetterRoutes,
  metricsRoutes,
  healthRoutes,
  openapiRoutes,
]

const defaultRate = { perSecond: 100, burst: 1000 }
const unlimited = { perSecond: Number.MAX_VALUE, burst: Number.MAX_VALUE }

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** There may be something at the path for another method. */
function nothingThere(app: App, method: string, path: string): Problem {
  const taken = methods.filter((other) => app.router.match(other, path)[0].length > 0)
  if (taken.length === 0) return new Problem('unknown-path', `there is nothing at ${path}`)
  const allow = taken.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : one)).join(', ')
  return new Problem('wrong-method', `${path} takes ${allow}, not ${method}`, { headers: { allow } })
}
