import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'
import { createContext } from '../../../../runtime/http/context.ts'
import { createDirect } from '../../../../runtime/http/direct.ts'
import { createHandler, type Handler, write } from '../../../../runtime/http/handler.ts'
import { problemType } from '../../../../runtime/http/problem.ts'
import { refusals } from './refusals.ts'
import { makeService, type Service, structured, token, webhookSecret } from './service.ts'

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

/** The HTTP side of a service, and who has answered: `app` for what has been left to the app. */
async function tell(service: Service) {
  const { engine } = service
  const ways: string[] = []
  const context = createContext({ ...service.options })
  const direct = createDirect(context)
  const whole = createHandler(service.options)
  const port = await serve(async (incoming, outgoing) => {
    const answer = direct(incoming)
    ways.push(answer ? 'direct' : 'app')
    if (answer) write(await answer, outgoing)
    else await whole(incoming, outgoing)
  })
  return { engine, port, ways }
}

// With a question mark at its end a path is the same, and left to the app.
test.each(refusals)('$title: refused without the app as by it', async (refusal) => {
  const { path = '/events', init = {}, problem, status } = refusal
  const service = await makeService()
  const { port, ways, engine } = await tell(service)
  const made = () => (typeof init === 'function' ? init(service) : init)
  const once = made()
  const again = once.body instanceof ReadableStream ? made() : once
  const streamed = once.body instanceof ReadableStream
  const first = await ask(port, path, once)
  if (streamed) return expect(first.status).toBe(status)
  const second = await ask(port, `${path}${path.includes('?') ? '&' : '?'}`, again)
  expect(first).toEqual(second)
  expect(JSON.parse(first.body)).toMatchObject({ type: problemType(problem), status })
  const isDirect =
    (once.method === 'POST' && /^\/(events|webhooks\/[\w-]+)$/.test(path)) || path === '/healthz'
  const isTooLarge = problem === 'body-too-large'
  expect(ways).toEqual([isDirect && !isTooLarge ? 'direct' : 'app', 'app'])
  expect(engine.bus.events({})).toEqual([])
  expect(service.warnings).toEqual([])
})

test('an event is taken once, whichever way it comes', async () => {
  const { port, ways, engine } = await tell(await makeService())
  const first = await ask(port, '/events', structured({}))
  const second = await ask(port, '/events?', structured({}))
  expect([first.status, second.status]).toEqual([202, 200])
  expect(first.headers.location).toBe(`/runs/${JSON.parse(first.body).run}`)
  expect(JSON.parse(second.body)).toEqual({ ...JSON.parse(first.body), duplicate: true })
  expect(second.headers).toEqual({ ...first.headers, 'content-length': second.headers['content-length'] })
  expect(ways).toEqual(['direct', 'app'])
  expect(engine.bus.events({})).toHaveLength(1)
})

test('a batch, a binary event and a call are taken without the app', async () => {
  const { port, ways, engine } = await tell(await makeService())
  const event = { specversion: '1.0', source: '/test', type: 'backup.start', data: {} }
  const batched = { 'content-type': 'application/cloudevents-batch+json' }
  const batch = JSON.stringify([
    { ...event, id: 'a1' },
    { ...event, id: 'a2' },
  ])
  const listed = await ask(port, '/events', { method: 'POST', headers: batched, body: batch })
  expect(JSON.parse(listed.body)).toHaveLength(2)
  const binary = { 'ce-specversion': '1.0', 'ce-id': 'a3', 'ce-source': '/test', 'ce-type': 'backup.start' }
  const headers = { 'content-type': 'application/json', ...binary }
  expect((await ask(port, '/events', { method: 'POST', headers, body: '{}' })).status).toBe(202)
  const at = new Date()
  const signed = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(webhookSecret).sign('msg_1', at, '{}'),
    authorization: '',
  }
  const call = await ask(port, '/webhooks/deploy', { method: 'POST', headers: signed, body: '{}' })
  expect(call.status).toBe(202)
  expect(ways).toEqual(['direct', 'direct', 'direct'])
  expect(engine.bus.events({})).toHaveLength(4)
})

test.each([
  ['another form of the Host', { host: 'LOCALHOST' }],
  ['a Host with a port that is left out elsewhere', { host: 'localhost:80' }],
  ['what it expects first', { expect: 'something' }],
])('a request with %s is left to the app', async (_, headers) => {
  const { port, ways } = await tell(await makeService())
  const answer = await ask(port, '/healthz', { headers })
  expect([answer.status === 200 || answer.status === 417, ways.includes('direct')]).toEqual([true, false])
})

test('a token that is sent twice is refused, though one of them is right', async () => {
  const { port, ways } = await tell(await makeService())
  const authorization = [`Bearer ${token}`, 'Bearer 0123456789abcdef'] as never
  const { headers, ...init } = structured({})
  for (const path of ['/events', '/events?']) {
    const answer = await ask(port, path, { ...init, headers: { ...(headers as object), authorization } })
    expect(answer.status).toBe(401)
  }
  expect(ways).toEqual(['direct', 'app'])
})

test('who is too fast is so on both ways together', async () => {
  const { options } = await makeService({ http: '  rateLimit: 1/s\n' })
  const port = await serve(createHandler(options))
  const statuses: (number | undefined)[] = []
  for (let n = 0; n < 12; n += 1) {
    statuses.push((await ask(port, n % 2 ? '/healthz' : '/healthz?', {})).status)
  }
  expect(statuses).toEqual([...Array(10).fill(200), 429, 429])
})

test('what goes wrong in hdsync itself is told the log, and not the client', async () => {
  const service = await makeService()
  service.engine.prepare = () => {
    throw new Error('the disk is on fire')
  }
  const { port, ways } = await tell(service)
  const answer = await ask(port, '/events', structured({}))
  expect(JSON.parse(answer.body)).toMatchObject({ type: problemType('internal'), status: 500 })
  expect(service.warnings).toEqual(['POST /events failed: the disk is on fire'])
  expect(ways).toEqual(['direct'])
})
