import { dirname, join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import type * as z from 'zod'
import type { Engine } from '../../../backup/engine.ts'
import type { Config } from '../../../config/config.ts'
import { usersSocketPath } from '../../../config/socket.ts'
import { systemClock } from '../../../core/clock.ts'
import { reasonOf, UsageError } from '../../../errors.ts'
import type { Handler } from '../../../http/handler.ts'
import { Problem, problemResponse } from '../../../http/problem.ts'
import { parseJson, readText } from '../../../http/receive/body.ts'
import { respond, respondJson } from '../../../http/respond.ts'
import { Capacity } from '../../../http/security/capacity.ts'
import { Peers } from '../../../http/security/peers.ts'
import { Readers } from './readers.ts'
import { knownFor, type UserView, viewOf } from './view.ts'
import { contentsBody, endLine, entriesBody, entryLine, peerHeader, tarBody } from './wire.ts'

/** Names of what a restore unpacks; in anything else that is asked there is one alone. */
const longestTarBodyBytes = 4 * 1024 ** 2

/**
 * Answers users who are not root, over a socket of their own: which restore points there are, and what of them they could
 * read at the time. Nothing else is there: whoever gets in starts, ends, releases and restores nothing as root.
 */
export function usersHandler(
  { engine, config, onWarning }: { engine: Engine; config: Config; onWarning(message: string): void },
  clock = systemClock,
): Handler {
  const socket = usersSocketPath(config)
  const peers = new Peers(join(dirname(socket), 'peers'), socket, clock)
  const readers = new Readers(engine, clock)
  const capacity = new Capacity(16, 'users who read')
  const app = new Hono()
  const userOf = ({ req }: Context) => peers.uidOf(req.header(peerHeader))

  /** What is asked of a restore point is answered as it is read, while no run begins. */
  async function answer<Body extends { point: string }>(
    c: Context,
    schema: z.ZodType<Body>,
    type: string,
    read: (view: UserView, body: Body) => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>,
    longestBodyBytes?: number,
  ): Promise<Response> {
    const uid = userOf(c)
    // First of all: each has a body in memory.
    const leave = capacity.enter()
    try {
      const body = parsed(schema, await readText(c.req, longestBodyBytes))
      const reading = await readers.enter()
      const stall = new AbortController()
      const signal = AbortSignal.any([reading.signal, stall.signal, c.req.raw.signal])
      const end = () => {
        reading.leave()
        leave()
      }
      try {
        const view = await viewOf(body.point, { uid, config, bus: engine.bus, signal })
        const bytes = stoppable(await read(view, body), signal, stall, end)
        // Who hangs up, or reads nothing while a run waits, keeps nothing open.
        signal.addEventListener('abort', () => void bytes.return(undefined).then(end, end), { once: true })
        signal.throwIfAborted()
        return respond(ReadableStream.from(bytes) as ReadableStream, 200, { 'content-type': type })
      } catch (error) {
        reading.leave()
        throw error
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  app.post('/peer', () => respondJson(peers.challenge()))
  app.post('/points', async (c) => {
    const uid = userOf(c)
    const leave = capacity.enter()
    try {
      return respondJson(await knownFor(uid, config, engine.bus))
    } finally {
      leave()
    }
  })
  app.post('/entries', (c) =>
    answer(c, entriesBody, 'application/x-ndjson', async function* ({ entries }, { under, depth }) {
      for await (const entry of entries(under, depth)) yield Buffer.from(`${entryLine(entry)}\n`)
      yield Buffer.from(`${endLine}\n`)
    }),
  )
  app.post('/contents', (c) => answer(c, contentsBody, octets, ({ read }, { path }) => read(path)))
  app.post('/tar', (c) =>
    answer(c, tarBody, octets, ({ tar }, { paths, alone }) => tar(paths, alone), longestTarBodyBytes),
  )
  app.notFound(({ req }) =>
    problemResponse(
      new Problem('unknown-path', `there is nothing at ${req.path} for users who are not root`),
    ),
  )
  app.onError((error, { req }) => {
    if (error instanceof Problem) return problemResponse(error)
    if (error instanceof UsageError) return problemResponse(new Problem('invalid-restore', error.message))
    onWarning(`${req.path} failed for a user: ${reasonOf(error)}`)
    return problemResponse(new Problem('cannot-restore', reasonOf(error)))
  })
  return getRequestListener(app.fetch)
}

/** Who reads keeps others from reading and from changing what is read. */
const mostStallMs = 60_000
const octets = 'application/octet-stream'

function parsed<T>(schema: z.ZodType<T>, text: string): T {
  const result = schema.safeParse(parseJson(text))
  if (result.success) return result.data
  throw new Problem('invalid-restore', result.error.message)
}

/**
 * @param stall Aborted when nobody takes a chunk for a while.
 * @param end Called once, however it comes to its end.
 */
async function* stoppable(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  stall: AbortController,
  end: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of chunks) {
      signal.throwIfAborted()
      const timer = setTimeout(() => stall.abort(new Error('nobody reads on')), mostStallMs)
      yield chunk
      clearTimeout(timer)
    }
    signal.throwIfAborted()
  } finally {
    end()
  }
}
