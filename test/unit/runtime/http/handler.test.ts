import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import type { Handler } from '../../../../runtime/http/handler.ts'
import { problemType } from '../../../../runtime/http/problem.ts'
import { refusals } from './refusals.ts'
import { makeService, structured, token } from './service.ts'

/** @returns The port on which requests of Node's are answered. */
async function serve(handle: Handler): Promise<number> {
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Sends a request as it stands there, a body in one piece, and reads the answer. */
async function ask(port: number, path: string, init: RequestInit) {
  const { method = 'GET', body } = init
  const headers = {
    host: 'localhost',
    authorization: `Bearer ${token}`,
    ...(typeof body === 'string' && { 'content-length': String(Buffer.byteLength(body)) }),
    ...(init.headers as object),
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, resolve)
    sent.on('error', reject)
    if (body instanceof ReadableStream) void writeAll(body, sent)
    else sent.end(body as string | Uint8Array | undefined)
  })
  const { date: _, connection: __, ...told } = response.headers
  return { status: response.statusCode, headers: told, body: await text(response) }
}

async function writeAll(body: ReadableStream<Uint8Array>, sent: ReturnType<typeof request>): Promise<void> {
  for await (const chunk of body) sent.write(chunk)
  sent.end()
}

// What app.request() does not show: how requests of Node's get to the app.
test.each(refusals)('over a socket, $title: refused with problem details', async (refusal) => {
  const { path = '/events', init = {}, problem, status } = refusal
  const service = await makeService()
  const port = await serve(service.handle)
  const answer = await ask(port, path, typeof init === 'function' ? init(service) : init)
  expect(answer.status).toBe(status)
  expect(JSON.parse(answer.body)).toMatchObject({ type: problemType(problem), status })
  expect(service.engine.bus.events({})).toEqual([])
  expect(service.warnings).toEqual([])
})

test('an answer tells its length, and is kept by nobody', async () => {
  const { handle } = await makeService()
  const { headers, body } = await ask(await serve(handle), '/events', structured({}))
  expect(headers).toEqual({
    'cache-control': 'no-store',
    'content-length': String(Buffer.byteLength(body)),
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'content-type': 'application/json',
    'cross-origin-resource-policy': 'same-origin',
    'keep-alive': headers['keep-alive'],
    location: `/runs/${JSON.parse(body).run}`,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  })
})

test.each([
  ['in capitals', 'LOCALHOST'],
  ['with a port', 'localhost:80'],
  ['with another port', 'localhost:7227'],
  ['of IPv6', '[::1]:7227'],
])('a Host %s is ours', async (_, host) => {
  const { handle } = await makeService()
  expect((await ask(await serve(handle), '/healthz', { headers: { host } })).status).toBe(200)
})

test('a token that is sent twice is refused, though one of them is right', async () => {
  const { handle } = await makeService()
  const authorization = [`Bearer ${token}`, 'Bearer 0123456789abcdef'] as never
  const { headers, ...init } = structured({})
  const twice = { ...init, headers: { ...(headers as object), authorization } }
  expect((await ask(await serve(handle), '/events', twice)).status).toBe(401)
})

test('what goes wrong in hdsync itself is told the log, and not the client', async () => {
  const { engine, handle, warnings } = await makeService()
  engine.prepare = () => {
    throw new Error('the disk is on fire')
  }
  const answer = await ask(await serve(handle), '/events', structured({}))
  expect(JSON.parse(answer.body)).toMatchObject({ type: problemType('internal'), status: 500 })
  expect(warnings).toEqual(['POST /events failed: the disk is on fire'])
})

test('over a socket, too, the head of a stream is answered, and takes no room', async () => {
  const service = await makeService()
  const { run } = (await (await service.start()).json()) as { run: string }
  const port = await serve(service.handle)
  for (let n = 0; n < 65; n++) {
    const { status, body } = await ask(port, `/runs/${run}/stream`, { method: 'HEAD' })
    expect([status, body]).toEqual([200, ''])
  }
  expect((await ask(port, '/healthz', { method: 'HEAD' })).status).toBe(200)
})
