import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener, RequestError } from '@hono/node-server'
import { createApp } from './app.ts'
import { type AddRoutes, type AppOptions, createContext } from './context.ts'
import { failure } from './failure.ts'
import { Problem, problemResponse } from './problem.ts'

/** Answers a request of Node's. */
export type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => void | Promise<void>

/**
 * The app as a request handler of Node's, for one listener.
 * @param addRoutes Adds routes that this listener alone has.
 */
export function createHandler(options: AppOptions, addRoutes?: AddRoutes): Handler {
  const context = createContext(options)
  const app = createApp(options, context)
  addRoutes?.(app)
  const listener = getRequestListener((request, env) => app.fetch(request, env as never), {
    // The app answers its own errors. What gets here is a request that it cannot be given.
    errorHandler: (error) => problemResponse(problemOf(error)),
  })
  function problemOf(error: unknown): Problem {
    if (error instanceof RequestError) return new Problem('malformed-request', error.message)
    return failure(error as Error, 'request', '', context)
  }
  const refuse = (problem: Problem) => getRequestListener(() => problemResponse(problem))
  return (incoming, outgoing) => {
    const problem = targetProblem(incoming)
    return problem ? refuse(problem)(incoming, outgoing) : listener(incoming, outgoing)
  }
}

/**
 * A request must not name one host in its first line and another in its headers: only the headers are checked.
 * @see RFC 9112, 3.2.2
 */
function targetProblem({ url = '', headers: { host = '' } }: IncomingMessage): Problem | undefined {
  if (url.startsWith('/') || url === '*') return undefined
  const named = URL.canParse(url) ? new URL(url).host : ''
  if (named !== '' && named === host.toLowerCase()) return undefined
  const detail = `the request is for ${JSON.stringify(url)}, its Host is ${JSON.stringify(host)}`
  return new Problem('wrong-host', detail)
}
