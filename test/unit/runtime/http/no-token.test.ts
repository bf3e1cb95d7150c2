import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createHandler, type Handler } from '../../../../runtime/http/handler.ts'
import { makeService, structured, webhookSecret } from './service.ts'

async function serve(handle: Handler): Promise<number> {
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** A port without a token, before a store in which one run waits. */
async function open(trusted = false) {
  const service = await makeService()
  await service.start()
  const { secrets, ...options } = service.options
  const webhooks = secrets?.webhooks ?? new Map()
  const port = await serve(createHandler({ ...options, trusted, secrets: { token: undefined, webhooks } }))
  const ask = async (path: string, { method = 'GET', body, headers = {} }: RequestInit = {}) => {
    const sent = request({
      port,
      path,
      method,
      agent: false,
      headers: { host: 'localhost', ...(headers as object) },
    })
    sent.end(body as string | undefined)
    const [response] = await new Promise<[import('node:http').IncomingMessage]>((resolve, reject) =>
      sent.on('response', (one) => resolve([one])).on('error', reject),
    )
    const answer = await text(response)
    return { status: response.statusCode, body: answer && JSON.parse(answer.replace(/^# .*/s, '{}')) }
  }
  return { ...service, ask }
}

describe('a port without a token', () => {
  test.each([
    '/runs',
    '/runs/last',
    '/functions',
    '/dead',
    '/openapi.json',
    '/healthz',
    '/readyz',
    '/metrics',
  ])('answers GET %s', async (path) => {
    const { ask } = await open()
    expect((await ask(path)).status).toBe(200)
  })

  test.each(['/events', '/events?x', '/runs/last/cancel', '/dead/1/redrive', '/reload', '/anything'])(
    'refuses POST %s, whoever sends it, and says what to do',
    async (path) => {
      const { ask, engine } = await open()
      const { status, body } = await ask(path, structured({ id: 'a2' }))
      expect([status, body.type]).toEqual([403, 'urn:hdsync:problem:no-token'])
      expect(body.hint).toMatch(/`http\.tokenFile`, or use the socket: curl --unix-socket \S+\.sock/)
      expect(engine.bus.events({})).toHaveLength(1)
      expect(engine.journal.unended()).toHaveLength(1)
    },
  )

  test('takes a signed call of a webhook', async () => {
    const { ask } = await open()
    const now = new Date()
    const headers = {
      'webhook-id': 'm1',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(webhookSecret).sign('m1', now, '{}'),
    }
    expect((await ask('/webhooks/deploy', { method: 'POST', body: '{}', headers })).status).toBe(202)
    const unsigned = await ask('/webhooks/deploy', { method: 'POST', body: '{}' })
    expect(unsigned.status).toBe(401)
  })
})

test('the unix socket takes events without a token, those of commands among them', async () => {
  const { ask } = await open(true)
  expect((await ask('/events', structured({ id: 'a2' }))).status).toBe(202)
  expect((await ask('/events', structured({ id: 'a3', source: '/hdsync/web1/cli' }))).status).toBe(202)
  expect((await ask('/events', structured({ id: 'a4', source: '/hdsync/web1' }))).status).toBe(400)
})

test.each([
  ['http://evil.example/runs', 421],
  ['http://localhost.evil.example/healthz', 421],
  ['evil.example/runs', 400],
  ['http://localhost/runs', 200],
  ['http://LOCALHOST/healthz', 200],
])('a request whose first line is for %s is answered with %i', async (path, status) => {
  const { ask } = await open()
  expect((await ask(path)).status).toBe(status)
})
