import type { IncomingMessage } from 'node:http'
import type { AppContext } from './context.ts'
import type { Answer, Question } from './exchange.ts'
import { failure } from './failure.ts'
import { guard } from './guard.ts'
import { tellAlive, tellReady } from './health.ts'
import { problemAnswer } from './problem.ts'
import { longestBodyBytes, textOf, unread } from './receive/body.ts'
import { takeCall, takeEvents } from './receive/take.ts'
import { clientAt } from './security/rate-limit.ts'

/** Routes by method and path, such as `GET /status`. */
export type DirectRoutes = ReadonlyMap<string, (question: Question) => Promise<Answer>>

/**
 * Answers what wakes hdsync, and asks whether it is there, without the app: to load that, and all that it needs, takes as
 * long as everything else up to the first function, and a fifth of what an idle daemon has in memory. The checks and the
 * routes are those of the app. A request that is written in an unusual way is left to the app.
 * @param more Answered here alone.
 * @returns undefined when the request is for the app.
 */
export function createDirect(
  context: AppContext,
  more: DirectRoutes = new Map(),
): (incoming: IncomingMessage) => Promise<Answer> | undefined {
  const check = context.trusted ? () => {} : guard(context)
  const routes: DirectRoutes = new Map([
    ...more,
    ['POST /events', (question) => takeEvents(question, context)],
    ['GET /healthz', async () => tellAlive(context)],
    ['GET /readyz', async () => tellReady(context)],
  ])
  return (incoming) => {
    const { method = '', url = '' } = incoming
    const name = method === 'POST' ? /^\/webhooks\/([\w-]+)$/.exec(url)?.[1] : undefined
    const route =
      name === undefined
        ? routes.get(`${method} ${url}`)
        : (question: Question) => takeCall(name, question, context)
    if (!route || !isUsual(incoming)) return undefined
    const question = questionFrom(incoming)
    const answer = async () => {
      check({ method, path: url, client: question.client, header: question.header })
      return route(question)
    }
    return answer().catch((error: Error) => problemAnswer(failure(error, method, url, context)))
  }
}

/** A name with or without a port, as no part of it has to be brought into another form. */
const usualHost = /^[a-z\d._-]+(?::[1-9]\d{3})?$/

/**
 * Has one Host, a body of a length that it says and that it may have, and expects nothing. Node holds it to that length;
 * what is otherwise the app judges.
 */
function isUsual({ headersDistinct: { host = [], expect }, headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers
  return (
    host.length === 1 &&
    usualHost.test(host[0] ?? '') &&
    Number(length) <= longestBodyBytes &&
    encoding === undefined &&
    expect === undefined
  )
}

/** @returns The headers as the app has them: Node itself would drop what was sent twice. */
function questionFrom(incoming: IncomingMessage): Question {
  const { headersDistinct, socket } = incoming
  return {
    header: (name) => headersDistinct[name]?.join(', '),
    headers: () =>
      Object.fromEntries(
        Object.entries(headersDistinct).map(([name, values = []]) => [name, values.join(', ')]),
      ),
    async text() {
      return textOf(await readAll(incoming).catch(unread))
    },
    client: clientAt(socket.remoteAddress),
  }
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks)
}
