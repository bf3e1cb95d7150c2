import { socketPath } from '../config/socket.ts'
import type { AppContext, AppEnv } from './context.ts'
import { isPagePath } from './page-paths.ts'
import { Problem } from './problem.ts'
import { checkSameSite, hostCheck } from './security/origin.ts'
import { clientAt } from './security/rate-limit.ts'
import { isSame } from './security/token.ts'
import type { Who } from './who.ts'

/** Methods that change nothing. */
const asks = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The header in which a script of the page sends the token of its session's forms. */
const formTokenHeader = 'x-hdsync-form'

/** The health checks need no token: whoever asks has none. A webhook brings its own proof. */
const isOpen = (path: string) => path === '/healthz' || path === '/readyz' || path.startsWith('/webhooks/')

/**
 * Makes what stands before every route: who asks, under which name, how often, and with which token or session. Without a token
 * nothing is taken: anybody on the box, a web server's child included, reaches a port of it. Not on the unix socket, where
 * the permissions of the file have decided. The page has a door of its own.
 * @returns Tells who asks; undefined for nobody who is known. Throws a `Problem` for a request that may not be made.
 */
export function guard({ config, secrets, rateLimit, whoAsks }: AppContext) {
  const checkHost = hostCheck(config.http?.hosts ?? [])
  const needsToken = secrets.token !== undefined || secrets.readToken !== undefined
  return ({ method, path, client, header }: Asking): Who | undefined => {
    checkHost(header('host'))
    if (!isPagePath(path, method)) checkSameSite(header)
    rateLimit.take(client)
    if (isOpen(path) || isPagePath(path, method)) return undefined
    const who = whoAsks(header)
    if (!who && needsToken) throw unauthorized()
    if (asks.has(method)) return who
    if (!who) throw noToken(method, path, socketPath(config))
    checkMayAct(who, header(formTokenHeader))
    return who
  }
}

/**
 * Makes what stands before every route of the unix socket. Whoever has a tunnel to it also has a browser, which other sites lead:
 * a program sends neither `Origin` nor `Sec-Fetch-Site`.
 * @returns Throws a `Problem` for what a page of another site asks.
 */
export function browserGuard({ config }: AppContext) {
  const checkHost = hostCheck(config.http?.hosts ?? [])
  return ({ method, path, header }: Asking): undefined => {
    const isBrowser = header('origin') !== undefined || header('sec-fetch-site') !== undefined
    if (isPagePath(path, method) || !isBrowser) return
    checkHost(header('host'))
    checkSameSite(header)
  }
}

/** @throws {Problem} It only looks, or a session acts without the token of its forms. */
export function checkMayAct({ right, session }: Who, formToken: string | undefined): void {
  if (right !== 'act')
    throw new Problem('read-only', 'this token or session sees how backups stand, and changes nothing')
  if (session && !isSame(formToken ?? '', session.formToken))
    throw new Problem('cross-site', 'this request does not come from a form of the page')
}

/** What a request is judged by. */
interface Asking {
  method: string
  path: string
  client: string
  header(name: string): string | undefined
}

function unauthorized(): Problem {
  return new Problem('unauthorized', 'send `Authorization: Bearer TOKEN`', {
    headers: { 'www-authenticate': 'Bearer realm="hdsync"' },
  })
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
