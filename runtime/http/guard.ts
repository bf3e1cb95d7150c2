import type { Context, MiddlewareHandler } from 'hono'
import type { AppContext, AppEnv } from './context.ts'
import { checkSameSite, hostCheck } from './security/origin.ts'
import { clientOf } from './security/rate-limit.ts'
import { tokenCheck } from './security/token.ts'

/** The health checks need no token: whoever asks has none. A webhook brings its own proof. */
const isOpen = (path: string) => path === '/healthz' || path === '/readyz' || path.startsWith('/webhooks/')

/**
 * Stands before every route: who asks, under which name, how often, and with which token. Not on the unix socket,
 * where the permissions of the file have decided.
 */
export function guard({ config, secrets, rateLimit }: AppContext): MiddlewareHandler<AppEnv> {
  const checkHost = hostCheck(config.http?.hosts ?? [])
  const checkToken = secrets.token === undefined ? () => {} : tokenCheck(secrets.token)
  return async (c, next) => {
    const client = clientOf(addressOf(c))
    c.set('client', client)
    const host = c.req.header('host')
    checkHost(host)
    checkSameSite(host, c.req.header('origin'), c.req.header('sec-fetch-site'))
    rateLimit.take(client)
    if (!isOpen(c.req.path)) checkToken(c.req.header('authorization'))
    await next()
  }
}

function addressOf(c: Context<AppEnv>): string | undefined {
  return c.env?.incoming?.socket.remoteAddress
}
