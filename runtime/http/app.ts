import { Hono } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
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
  if (!trusted) app.use(guard(context))
  app.use(methodNotAllowed({ app, onMethodNotAllowed: wrongMethod }))
  for (const add of routes) add(app, context)
  app.notFound(({ req }) => problemResponse(new Problem('unknown-path', `there is nothing at ${req.path}`)))
  app.onError((error, { req }) => {
    if (error instanceof Problem) return problemResponse(error)
    onWarning?.(`${req.method} ${req.path} failed: ${error.message}`)
    const failed = engine.dispatcher.failed
    return problemResponse(
      failed
        ? storeFailed(failed)
        : new Problem('internal', 'the journal of the service says more: journalctl -u hdsync'),
    )
  })
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

function wrongMethod({ req }: { req: { method: string; path: string } }, methods: string[]): Response {
  const allow = methods.join(', ')
  const detail = `${req.path} takes ${allow}, not ${req.method}`
  return problemResponse(new Problem('wrong-method', detail, { headers: { allow } }))
}
