import type { ServerResponse } from 'node:http'
import { dirname, join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import type * as z from 'zod'
import type { Engine } from '../../../backup/engine.ts'
import type { Config } from '../../../config/config.ts'
import { usersSocketPath } from '../../../config/socket.ts'
import { type Clock, systemClock } from '../../../core/clock.ts'
import { reasonOf, UsageError } from '../../../errors.ts'
import type { Entry } from '../../../host/points/entry.ts'
import type { Handler } from '../../../http/handler.ts'
import { Problem, problemResponse } from '../../../http/problem.ts'
import { parseJson, readText } from '../../../http/receive/body.ts'
import { type Headers, respond, respondJson } from '../../../http/respond.ts'
import { SharedCapacity } from '../../../http/security/capacity.ts'
import { Peers } from '../../../http/security/peers.ts'
import { Readers } from './readers.ts'
import { knownFor, type UserView, viewOf } from './view.ts'
import { contentsBody, endLine, entriesBody, entryLine, peerHeader, tarBody, tarEnd } from './wire.ts'

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
  const capacity = new SharedCapacity(16, 4, 'users who read')
  const app = new Hono()
  const userOf = ({ req }: Context) => peers.uidOf(req.header(peerHeader))

  /** What is asked of a restore point is answered as it is read, while no run begins. */
  async function answer<Body extends { point: string }>(
    c: Context,
    schema: z.ZodType<Body>,
    read: (view: UserView, body: Body) => Answer | Promise<Answer>,
    longestBodyBytes?: number,
  ): Promise<Response> {
    const uid = userOf(c)
    const { outgoing } = c.env as { outgoing: ServerResponse }
    // First of all: each has a body in memory.
    const leave = capacity.enter(uid)
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
        const { chunks, headers } = await read(view, body)
        const bytes = stoppable(chunks, { signal, stall, end, clock })
        // Who hangs up, or reads nothing while a run waits, keeps nothing open. The connection is cut, as what has ended in
        // order is whole.
        const breakOff = () => {
          outgoing.destroy()
          void bytes.return(undefined).then(end, end)
        }
        signal.throwIfAborted()
        signal.addEventListener('abort', breakOff, { once: true })
        return respond(ReadableStream.from(bytes) as ReadableStream, 200, headers)
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
    const leave = capacity.enter(uid)
    try {
      return respondJson(await knownFor(uid, config, engine.bus))
    } finally {
      leave()
    }
  })
  app.post('/entries', (c) =>
    answer(c, entriesBody, ({ entries }, { under, depth }) => ({
      chunks: linesOf(entries(under, depth)),
      headers: { 'content-type': 'application/x-ndjson' },
    })),
  )
  app.post('/contents', (c) =>
    answer(c, contentsBody, async (view, { path }) => ({
      chunks: view.read(path),
      headers: { 'content-type': octets, 'content-length': String(await sizeOf(view, path)) },
    })),
  )
  app.post('/tar', (c) =>
    answer(
      c,
      tarBody,
      async ({ tar }, { paths, alone }) => ({
        chunks: withEnd(await tar(paths, alone)),
        headers: { 'content-type': octets },
      }),
      longestTarBodyBytes,
    ),
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

interface Answer {
  chunks: AsyncIterable<Uint8Array>
  headers: Headers
}

/** Gathered, so that not each line is a chunk of its own. */
const linesAtOnce = 64 * 1024

async function* linesOf(entries: AsyncIterable<Entry>): AsyncGenerator<Uint8Array> {
  let lines = ''
  try {
    for await (const entry of entries) {
      lines += `${entryLine(entry)}\n`
      if (lines.length < linesAtOnce) continue
      yield Buffer.from(lines)
      lines = ''
    }
  } catch (error) {
    // What came before is good.
    yield Buffer.from(lines)
    throw error
  }
  yield Buffer.from(`${lines}${endLine}\n`)
}

async function* withEnd(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* tar
  yield tarEnd
}

/** @throws {UsageError} It is no file that the user could read. */
async function sizeOf({ entries }: UserView, path: Buffer): Promise<number> {
  for await (const { type, sizeBytes } of entries(path, 0)) if (type === 'file') return sizeBytes
  throw new UsageError(`there is no file ${path} that you could read`)
}

interface Stoppable {
  signal: AbortSignal
  /** Aborted when nobody takes a chunk for a while. */
  stall: AbortController
  /** Called once, however it comes to its end. */
  end(): void
  clock: Clock
}

async function* stoppable(
  chunks: AsyncIterable<Uint8Array>,
  { signal, stall, end, clock }: Stoppable,
): AsyncGenerator<Uint8Array> {
  let forget = () => {}
  try {
    for await (const chunk of chunks) {
      if (signal.aborted) return
      forget = clock.schedule(mostStallMs, () => stall.abort(new Error('nobody reads on')))
      yield chunk
      forget()
    }
  } catch (error) {
    // The connection is cut already: there is nobody to tell.
    if (!signal.aborted) throw error
  } finally {
    forget()
    end()
  }
}
