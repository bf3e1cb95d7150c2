import { describe, expect, test, vi } from 'vitest'
import { runFailed, runStarted, sourceFailed } from '../../../../events/index.ts'
import { createObservers } from '../../../../runtime/core/observers.ts'
import { rootPublication } from '../../../../runtime/core/publication.ts'
import { heartbeatMs, patienceMs, runStream } from '../../../../runtime/http/stream.ts'
import { turns } from '../../manual-clock.ts'
import { makeService, type Service } from './service.ts'

interface Message {
  event: string
  id: string | undefined
  data: { type?: string; state?: string; progress?: { bytes: number } }
}

/** A stream of one run, read message by message. */
class Reader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader()
  }

  /** The next message; undefined at the end of the stream. */
  async next(): Promise<string | undefined> {
    const { value } = await this.#reader.read()
    return value && new TextDecoder().decode(value)
  }

  /** Every message that is left. */
  async rest(): Promise<Message[]> {
    const messages: Message[] = []
    for (let text = await this.next(); text !== undefined; text = await this.next()) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1]
      const event = field('event')
      if (event) messages.push({ event, id: field('id'), data: JSON.parse(field('data') ?? '') })
    }
    return messages
  }

  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}

async function put(
  { engine }: Service,
  runId: string,
  ...events: [typeof runStarted | typeof sourceFailed | typeof runFailed, object][]
): Promise<void> {
  await engine.dispatcher.publish(
    events.map(([event, data]) =>
      rootPublication(engine.registry, event, data as never, { now: Date.UTC(2026, 0, 1), runId }),
    ),
  )
}

const failed = (source: string) =>
  [sourceFailed, { source, step: 'sync.run', reason: 'x' }] as [typeof sourceFailed, object]

const end = (run: string): [typeof runFailed, object] => {
  const at = '2026-01-01T00:00:00.000Z'
  return [runFailed, { run, state: 'failed', startedAt: at, endedAt: at, sources: [] }]
}

/** A run with some events on the bus, and a reader of it. */
async function follow(options: Partial<Parameters<typeof runStream>[0]> = {}) {
  const service = await makeService()
  const { run } = (await (await service.start()).json()) as { run: string }
  const { observer, listen } = createObservers()
  const { bus, journal } = service.engine
  const closing = new AbortController()
  let ends = 0
  const stream = runStream({
    engine: {
      bus,
      journal,
      listen: (one) => service.engine.listen(one) && listen(one),
      ended: (id) => service.engine.ended(id),
    },
    runId: run,
    clock: service.clock,
    closing: closing.signal,
    ended: () => {
      ends += 1
    },
    ...options,
  })
  return { service, run, reader: new Reader(stream), observer, closing, ends: () => ends }
}

describe('the stream of a run', () => {
  test('has every event with its number, and ends with the result', async () => {
    const { service, run, reader, ends } = await follow()
    await put(service, run, [runStarted, { sources: ['home'] }], end(run))
    const messages = await reader.rest()
    expect(messages.map(({ event, id, data }) => [event, id, data.type ?? data.state])).toEqual([
      ['event', '1', 'backup.start'],
      ['event', '2', 'run.started'],
      ['event', '3', 'run.failed'],
      ['end', 'end', 'failed'],
    ])
    expect(ends()).toBe(1)
  })

  test('has events of its own run alone', async () => {
    const { service, run, reader } = await follow()
    await put(service, 'another', failed('www'))
    await put(service, run, end(run))
    expect((await reader.rest()).map(({ data }) => data.type)).toEqual([
      'backup.start',
      'run.failed',
      undefined,
    ])
  })

  test('goes on after the message that was seen last', async () => {
    const { service, run, reader } = await follow({ after: 1 })
    await put(service, run, failed('home'), end(run))
    expect((await reader.rest()).map(({ id }) => id)).toEqual(['2', '3', 'end'])
  })

  test('is over at once for who has seen the last event, and not there for who has seen the end', async () => {
    const service = await makeService()
    const { run } = (await (await service.start()).json()) as { run: string }
    await put(service, run, end(run))
    const resume = (id: string) =>
      service.request(`/runs/${run}/stream`, { headers: { 'last-event-id': id } })
    const [, message] = (await (await resume('2')).text()).split('\n\n')
    expect(message).toMatch(/^event: end\nid: end\n/)
    expect((await resume('end')).status).toBe(204)
  })

  test('tells of what happens while it is read, at once', async () => {
    const { service, run, reader } = await follow({ after: 1 })
    expect(await reader.next()).toBe('retry: 1000\n\n')
    const next = reader.next()
    await put(service, run, failed('home'))
    expect(await next).toContain('source.failed')
  })

  test('has the newest progress alone, without an id', async () => {
    const { service, run, reader, observer } = await follow({ after: 1 })
    const [event] = service.engine.bus.events({ runId: run })
    for (const bytes of [1, 2, 3]) {
      if (event) observer.onProgress(event, { bytes, totalBytes: 10, bytesPerSecond: 1 })
    }
    await put(service, run, end(run))
    const messages = await reader.rest()
    expect(messages.filter(({ event }) => event === 'progress')).toEqual([])
    expect(messages.map(({ event }) => event)).toEqual(['event', 'end'])
  })

  test('shows progress when there is nothing else to tell', async () => {
    const { service, run, reader, observer } = await follow({ after: 1 })
    await reader.next()
    const next = reader.next()
    const [event] = service.engine.bus.events({ runId: run })
    if (event) observer.onProgress(event, { bytes: 7, totalBytes: 10, bytesPerSecond: 1 })
    const message = await next
    expect(message).toMatch(/^event: progress\ndata: /)
    expect(message).toContain('"bytes":7')
  })

  test('says now and then that it is alive', async () => {
    const { service, reader } = await follow({ after: 1 })
    await reader.next()
    const next = reader.next()
    await service.clock.advance(heartbeatMs)
    expect(await next).toBe(': still here\n\n')
  })

  test('is dropped when nobody takes what is there, and keeps nothing for it', async () => {
    const drop = vi.fn()
    const { service, run, reader, ends } = await follow({ drop })
    await reader.next()
    for (let n = 0; n < 100; n += 1) await put(service, run, failed('home'))
    await service.clock.advance(patienceMs - 1)
    expect(drop).not.toHaveBeenCalled()
    await service.clock.advance(1)
    expect(drop).toHaveBeenCalledOnce()
    expect(ends()).toBe(1)
  })

  test('is not dropped while it is read, however slowly', async () => {
    const drop = vi.fn()
    const { service, run, reader } = await follow({ drop })
    await put(service, run, ...Array.from({ length: 8 }, () => failed('home')), end(run))
    for (let n = 0; n < 8; n += 1) {
      await reader.next()
      await service.clock.advance(patienceMs - 1)
    }
    expect((await reader.rest()).at(-1)?.event).toBe('end')
    expect(drop).not.toHaveBeenCalled()
  })

  test('lets go of everything when the reader leaves, and when hdsync stops', async () => {
    const one = await follow()
    await one.reader.next()
    await one.reader.cancel()
    expect(one.ends()).toBe(1)
    const other = await follow({ after: 1 })
    await other.reader.next()
    const last = other.reader.next()
    await turns()
    other.closing.abort()
    expect(await last).toBeUndefined()
    expect(other.ends()).toBe(1)
  })
})

test('there is room for so many streams, and again when one of them ends', async () => {
  const { request, start } = await makeService()
  const { run } = (await (await start()).json()) as { run: string }
  const open = () => request(`/runs/${run}/stream`)
  const streams = await Promise.all(Array.from({ length: 64 }, open))
  expect(streams.every(({ status }) => status === 200)).toBe(true)
  const refused = await open()
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  await streams[0]?.body?.cancel()
  expect((await open()).status).toBe(200)
})

test('whoever asks for the head of a stream alone takes no room', async () => {
  const { request, start } = await makeService()
  const { run } = (await (await start()).json()) as { run: string }
  for (let n = 0; n < 65; n++) {
    const { status, body, headers } = await request(`/runs/${run}/stream`, { method: 'HEAD' })
    expect([status, body, headers.get('content-type')]).toEqual([200, null, 'text/event-stream'])
  }
  expect((await request(`/runs/${run}/stream`)).status).toBe(200)
})
