import type { Context, MiddlewareHandler } from 'hono'
import type { AppContext, AppEnv } from './context.ts'
import { checkSameSite, hostCheck } from './security/origin.ts'
import { clientOf } from './security/rate-limit.ts'
import { tokenCheck } from './security/token.ts'

/** Set on every answer: it is data for the one who asked, to be kept by nobody, and run by no browser. */
const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

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
    const headers = c.req.header()
    const client = clientOf(addressOf(c))
    c.set('client', client)
    checkHost(headers.host)
    checkSameSite(headers)
    rateLimit.take(client)
    if (!isOpen(c.req.path)) checkToken(headers.authorization)
    await next()
  }
}

export const setSecurityHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  for (const [name, value] of Object.entries(securityHeaders)) c.res.headers.set(name, value)
}

function addressOf(c: Context<AppEnv>): string | undefined {
  return c.env?.incoming?.socket.remoteAddress
}
