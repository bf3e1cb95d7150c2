import { socketPath } from '../config/socket.ts'
import type { AppContext, AppEnv } from './context.ts'
import { Problem } from './problem.ts'
import { checkSameSite, hostCheck } from './security/origin.ts'
import { clientAt } from './security/rate-limit.ts'
import { tokenCheck } from './security/token.ts'

/** Methods that change nothing. */
const asks = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The health checks need no token: whoever asks has none. A webhook brings its own proof. */
const isOpen = (path: string) => path === '/healthz' || path === '/readyz' || path.startsWith('/webhooks/')

/**
 * Makes what stands before every route: who asks, under which name, how often, and with which token. Without a token
 * nothing is taken: anybody on the box, a web server's child included, reaches a port of it. Not on the unix socket, where
 * the permissions of the file have decided.
 * @returns Throws a `Problem` for a request that may not be made.
 */
export function guard({ config, secrets, rateLimit }: AppContext) {
  const checkHost = hostCheck(config.http?.hosts ?? [])
  const checkToken = secrets.token === undefined ? undefined : tokenCheck(secrets.token)
  return ({ method, path, client, header }: Asking): void => {
    const host = header('host')
    checkHost(host)
    checkSameSite(host, header('origin'), header('sec-fetch-site'))
    rateLimit.take(client)
    if (isOpen(path)) return
    if (checkToken) checkToken(header('authorization'))
    else if (!asks.has(method)) throw noToken(method, path, socketPath(config))
  }
}

/** What a request is judged by. */
interface Asking {
  method: string
  path: string
  client: string
  header(name: string): string | undefined
}

function noToken(method: string, path: string, socket: string): Problem {
  return new Problem(
    'no-token',
    `${method} ${path} is taken on this port only with a token, and none is configured`,
    {
      hint: `make a token and name its file under \`http.tokenFile\`, or use the socket: curl --unix-socket ${socket} http://localhost${path}`,
    },
  )
}

/** Who asks, as one client of many. */
export function clientOf(env: AppEnv['Bindings'] | undefined): string {
  return clientAt(env?.incoming?.socket.remoteAddress)
}
