import { Agent, request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Listener, listen } from '../../../../runtime/http/listener.ts'
import { type ProblemName, problemType } from '../../../../runtime/http/problem.ts'
import { makeService, type Service, token } from './service.ts'

async function serve({ handle }: Service, requestTimeoutMs?: number): Promise<Listener> {
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    handle,
    ...(requestTimeoutMs && { requestTimeoutMs }),
  })
  onTestFinished(() => listener.close(0))
  return listener
}

function portOf({ address }: Listener): number {
  return Number(address.split(':').at(-1))
}

/** Writes what no HTTP client would, and reads all that comes back. */
async function say(listener: Listener, words: string): Promise<string> {
  const socket: Socket = connect(portOf(listener), '127.0.0.1')
  socket.write(words)
  return text(socket)
}

const head = (...lines: string[]) =>
  [...lines, 'connection: close', `authorization: Bearer ${token}`, '', ''].join('\r\n')
const postHead = head(
  'POST /events HTTP/1.1',
  'host: localhost',
  'content-type: application/cloudevents+json',
  'content-length: 100',
)

describe('before there is a request, problem details are answered to', () => {
  const cases: [string, number, ProblemName, string][] = [
    [
      'headers that are too large',
      431,
      'headers-too-large',
      head('GET /runs HTTP/1.1', 'host: localhost', `x: ${'x'.repeat(20_000)}`),
    ],
    ['a body that does not come', 408, 'too-slow', `${postHead}{"spec`],
    ['headers that do not end', 408, 'too-slow', 'GET /runs HTTP/1.1\r\nhost: localhost\r\n'],
    ['what is no HTTP', 400, 'malformed-request', 'good evening\r\n\r\n'],
    ['a Host that is no name', 400, 'malformed-request', head('GET /runs HTTP/1.1', 'host: a b')],
  ]

  test.each(cases)('%s', async (_, status, problem, words) => {
    const service = await makeService()
    const answer = await say(await serve(service, 200), words)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toContain('content-type: application/problem+json')
    expect(answer).toContain(`"type":"${problemType(problem)}"`)
    expect(service.warnings).toEqual([])
    expect(service.engine.bus.events({})).toEqual([])
  })
})

test('a client that hangs up in the middle of a body is no fault of ours', async () => {
  const service = await makeService()
  const listener = await serve(service)
  const socket = connect(portOf(listener), '127.0.0.1')
  await new Promise<void>((resolve) => socket.write(`${postHead}{"spec`, () => resolve()))
  while (listener.clients === 0) await new Promise((resolve) => setImmediate(resolve))
  socket.destroy()
  while (listener.clients > 0) await new Promise((resolve) => setImmediate(resolve))
  expect(service.warnings).toEqual([])
})

test('of 10,000 events in a burst each is accepted or refused with 429, and none is lost', async () => {
  const service = await makeService({ http: '  rateLimit: 700/s\n' })
  const port = portOf(await serve(service))
  const agent = new Agent({ keepAlive: true, maxSockets: 200 })
  const before = process.memoryUsage().rss
  const statuses = await Promise.all(Array.from({ length: 10_000 }, (_, n) => post(port, agent, `e${n}`)))
  agent.destroy()
  const accepted = statuses.flatMap((status, n) => (status === 202 ? `e${n}` : []))
  expect([...new Set(statuses)].sort()).toEqual([202, 429])
  expect(accepted).toHaveLength(7000)
  expect(new Set(service.engine.bus.events({}).map(({ id }) => id))).toEqual(new Set(accepted))
  expect(process.memoryUsage().rss - before).toBeLessThan(512 * 1024 ** 2)
})

function post(port: number, agent: Agent, id: string): Promise<number | undefined> {
  const body = JSON.stringify({ specversion: '1.0', id, source: '/burst', type: 'backup.start', data: {} })
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/cloudevents+json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${token}`,
    }
    httpRequest({ port, agent, method: 'POST', path: '/events', headers }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
      .on('error', reject)
      .end(body)
  })
}

test('a reader of a stream that reads nothing is hung up on, and nothing is kept for it', async () => {
  const service = await makeService()
  const listener = await serve(service)
  // Larger than what lies in sockets: the kernel takes some megabytes before it makes anybody wait.
  const subject = 'x'.repeat(1000)
  const { run } = (await (await service.start()).json()) as { run: string }
  const socket = connect(portOf(listener), '127.0.0.1')
  socket.pause()
  socket.write(head(`GET /runs/${run}/stream HTTP/1.1`, 'host: localhost'))
  while (listener.clients === 0) await new Promise((resolve) => setImmediate(resolve))
  const publish = (count: number) =>
    service.engine.bus.publish(
      Array.from({ length: count }, (_, n) => ({
        event: {
          specversion: '1.0',
          id: `f${n}`,
          source: '/test',
          type: 'source.failed',
          time: new Date().toISOString(),
          datacontenttype: 'application/json',
          attempt: 1,
          runid: run,
          data: { source: 'home', step: 'x', reason: subject.repeat(10) },
        },
        deliveries: [],
      })),
    )
  await publish(2000)
  await service.start({}, 'a2')
  await expect
    .poll(async () => {
      await service.clock.advance(1000)
      return listener.clients
    })
    .toBe(0)
})
