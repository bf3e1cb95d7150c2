import type { AppContext, AppEnv } from './context.ts'
import { checkSameSite, hostCheck } from './security/origin.ts'
import { clientAt } from './security/rate-limit.ts'
import { tokenCheck } from './security/token.ts'

/** The health checks need no token: whoever asks has none. A webhook brings its own proof. */
const isOpen = (path: string) => path === '/healthz' || path === '/readyz' || path.startsWith('/webhooks/')

/**
 * Makes what stands before every route: who asks, under which name, how often, and with which token. Not on the unix
 * socket, where the permissions of the file have decided.
 * @returns Throws a `Problem` for a request that may not be made: it is told its headers, its path and who asks.
 */
export function guard({ config, secrets, rateLimit }: AppContext) {
  const checkHost = hostCheck(config.http?.hosts ?? [])
  const checkToken = secrets.token === undefined ? () => {} : tokenCheck(secrets.token)
  return (header: (name: string) => string | undefined, path: string, client: string): void => {
    const host = header('host')
    checkHost(host)
    checkSameSite(host, header('origin'), header('sec-fetch-site'))
    rateLimit.take(client)
    if (!isOpen(path)) checkToken(header('authorization'))
  }
}

/** Who asks, as one client of many. */
export function clientOf(env: AppEnv['Bindings'] | undefined): string {
  return clientAt(env?.incoming?.socket.remoteAddress)
}
