import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AppOptions, createContext } from './context.ts'
import { createDirect, type DirectRoutes } from './direct.ts'
import type { Answer } from './exchange.ts'
import { failure } from './failure.ts'
import { Problem, problemAnswer } from './problem.ts'

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
  const makeApp = async () => (await loadApp()).appListener(options, context)
  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    checkTarget(incoming)
    const answer = direct(incoming)
    if (answer) return write(await answer, outgoing)
    app ??= makeApp()
    const answerByApp = await app
    // For whoever has gone meanwhile nothing is begun.
    if (!outgoing.destroyed) await answerByApp(incoming, outgoing)
  }
  return async (incoming, outgoing) => {
    try {
      await handle(incoming, outgoing)
    } catch (error) {
      // Whatever is wrong with an answer, what the daemon is at goes on.
      const { method = '', url = '' } = incoming
      const problem = failure(error as Error, method, url, context)
      if (outgoing.headersSent) outgoing.destroy()
      else write(problemAnswer(problem), outgoing)
    }
  }
}

/**
 * Refuses a request that names another host in its first line than in its headers, of which the headers alone are judged.
 * @throws {Problem}
 * @see RFC 9112, 3.2.2
 */
function checkTarget({ url = '', headers: { host = '' } }: IncomingMessage): void {
  if (url.startsWith('/') || url === '*') return
  const named = URL.canParse(url) ? new URL(url).host : ''
  if (named === '' || named !== host.toLowerCase()) {
    throw new Problem(
      'wrong-host',
      `the request is for ${JSON.stringify(url)}, its Host is ${JSON.stringify(host)}`,
    )
  }
}

/** @throws {Problem} It cannot be found. */
async function loadApp(): Promise<typeof import('./app-listener.ts')> {
  try {
    return await import('./app-listener.ts')
  } catch (error) {
    throw new Problem('unavailable', `a part of hdsync cannot be loaded: ${(error as Error).message}`, {
      hint: 'as after an upgrade: ask again once it has ended what it is at, or restart it: systemctl restart hdsync',
    })
  }
}

/** Loads all that requests may need. */
export async function loadRest(): Promise<void> {
  await Promise.all([loadApp(), import('./metrics/exposition.ts')])
}

/** Writes a whole answer. */
export function write({ status, headers, body }: Answer, outgoing: ServerResponse): void {
  outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}
