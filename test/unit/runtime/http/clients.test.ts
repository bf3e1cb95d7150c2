import { CloudEvent, emitterFor, HTTP, Mode } from 'cloudevents'
import { Webhook } from 'standardwebhooks'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Handler } from '../../../../runtime/http/handler.ts'
import { listen } from '../../../../runtime/http/listener.ts'
import { makeService, token, webhookSecret } from './service.ts'

/** The HTTP side on a port of the loopback address. @returns Its address. */
async function serve(handle: Handler): Promise<string> {
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    handle,
  })
  onTestFinished(() => listener.close(0))
  return `http://${listener.address}`
}

const authorization = `Bearer ${token}`

const event = new CloudEvent({
  id: 'A234-1234-1234',
  source: '/ci/pipelines/7',
  type: 'backup.start',
  subject: 'nächtlich 100%',
  time: '2026-03-01T12:30:00.000Z',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  data: { sources: ['home'] },
})

const onTheBus = {
  id: event.id,
  source: event.source,
  type: event.type,
  subject: event.subject,
  sendertime: event.time,
  data: { sources: ['home'] },
}

describe('the cloudevents package', () => {
  test.each([Mode.BINARY, Mode.STRUCTURED])('has its event taken in the %s mode, as it is', async (mode) => {
    const { handle, engine } = await makeService()
    const url = `${await serve(handle)}/events`
    const emit = emitterFor(
      async (message) => {
        const headers = { ...(message.headers as Record<string, string>), authorization }
        return fetch(url, { method: 'POST', headers, body: message.body as string })
      },
      { mode },
    )
    const response = (await emit(event)) as Response
    expect(response.status).toBe(202)
    const receipt = (await response.json()) as { run: string }
    expect(receipt).toEqual({ run: expect.any(String), id: event.id, duplicate: false })
    expect(response.headers.get('location')).toBe(`/runs/${receipt.run}`)
    const [envelope] = engine.bus.events({})
    expect(envelope).toMatchObject(onTheBus)
    expect(envelope?.traceparent?.slice(0, 35)).toBe('00-4bf92f3577b34da6a3ce929d0e0e4736')
  })

  test('has a batch taken, and finds its own event there already', async () => {
    const { handle, engine } = await makeService()
    const url = `${await serve(handle)}/events`
    const send = async (events: CloudEvent<unknown>[]) => {
      const headers = { 'content-type': 'application/cloudevents-batch+json', authorization }
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(events) })
      return [response.status, await response.json()]
    }
    const receipt = (id: string, duplicate: boolean) => ({ run: expect.any(String), id, duplicate })
    expect(await send([event])).toEqual([202, [receipt(event.id, false)]])
    const second = event.cloneWith({ id: 'second' })
    expect(await send([event, second])).toEqual([
      202,
      [receipt(event.id, true), { ...receipt('second', false), joined: true }],
    ])
    expect(await send([event, second])).toEqual([200, [receipt(event.id, true), receipt('second', true)]])
    expect(engine.bus.events({}).map(({ id }) => id)).toEqual([event.id, 'second'])
  })

  test('reads the events of a run from its stream', async () => {
    const { handle, engine, start } = await makeService({ running: true })
    const { run } = (await (await start()).json()) as { run: string }
    await engine.ended(run)
    const url = `${await serve(handle)}/runs/${run}/stream`
    const stream = await (await fetch(url, { headers: { authorization } })).text()
    const events = [...stream.matchAll(/^event: event\nid: \d+\ndata: (.*)$/gm)].map(([, body]) =>
      HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, body }),
    ) as CloudEvent<unknown>[]
    expect(events.map(({ type }) => type).at(-1)).toBe('run.succeeded')
    for (const one of events) expect(one.validate()).toBe(true)
  })
})

describe('the standardwebhooks package', () => {
  const call = (url: string, id: string, body = '{"ref":"main"}') => {
    const at = new Date()
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(webhookSecret).sign(id, at, body),
    }
    return fetch(`${url}/webhooks/deploy`, { method: 'POST', headers, body })
  }

  test('has its call become the event of the config, without a token', async () => {
    const { handle, engine } = await makeService()
    const response = await call(await serve(handle), 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W')
    expect(response.status).toBe(202)
    expect(engine.bus.events({})).toMatchObject([
      {
        id: 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W',
        source: '/hdsync/webhooks/deploy',
        type: 'backup.start',
        data: { sources: ['home'] },
      },
    ])
  })

  test('that repeats a call starts nothing a second time, and is told that all is well', async () => {
    const { handle, engine } = await makeService()
    const url = await serve(handle)
    const first = (await (await call(url, 'msg_1')).json()) as { run: string }
    const again = await call(url, 'msg_1')
    expect(again.status).toBe(200)
    expect(await again.json()).toEqual({ run: first.run, id: 'msg_1', duplicate: true })
    expect(engine.bus.events({})).toHaveLength(1)
  })
})
