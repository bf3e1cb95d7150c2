import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AppOptions, createContext } from './context.ts'
import { createDirect, type DirectRoutes } from './direct.ts'
import type { Answer } from './exchange.ts'

/** Answers a request of Node's. */
export type Handler = (incoming: IncomingMessage, outgoing: ServerResponse) => void | Promise<void>

/**
 * The HTTP side of hdsync, for one listener: what `createDirect` does not answer, the app does, which is loaded for the
 * first such request.
 * @param more See `createDirect`.
 */
export function createHandler(options: AppOptions, more?: DirectRoutes): Handler {
  const context = createContext(options)
  const direct = createDirect(context, more)
  let app: Promise<Handler> | undefined
  const loadApp = async () => (await import('./app-listener.ts')).appListener(options, context)
  return async (incoming, outgoing) => {
    const answer = direct(incoming)
    if (answer) return write(await answer, outgoing)
    app ??= loadApp()
    const handle = await app
    // For whoever has gone meanwhile nothing is begun.
    if (!outgoing.destroyed) await handle(incoming, outgoing)
  }
}

/** Writes a whole answer. */
export function write({ status, headers, body }: Answer, outgoing: ServerResponse): void {
  outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}
