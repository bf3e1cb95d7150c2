import { describe, expect, test } from 'vitest'
import { problemMediaType, problems, problemType } from '../../../../runtime/http/problem.ts'
import type { ProblemBody } from '../../../../runtime/http/problem-schema.ts'
import { refusals } from './refusals.ts'
import { makeService, structured } from './service.ts'

const problemOf = async (response: Response) => (await response.json()) as ProblemBody

describe('a request is refused with problem details, and nothing comes onto the bus, for', () => {
  test.each(refusals)('$title', async ({ path = '/events', init = {}, status, problem, says, hint }) => {
    const service = await makeService()
    const response = await service.request(path, typeof init === 'function' ? init(service) : init)
    const body = await problemOf(response)
    expect(body).toMatchObject({ type: problemType(problem), status, title: problems[problem].title })
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe(problemMediaType)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(body.detail).toContain(says ?? '')
    if (hint) expect(body.hint).toBe(hint)
    expect(service.engine.bus.events({})).toEqual([])
    expect(service.warnings).toEqual([])
  })
})

describe('a refusal', () => {
  test('names every flaw of an event, with its place', async () => {
    const { request } = await makeService()
    const response = await request('/events', structured({ id: '', source: 7 }))
    const { errors } = await problemOf(response)
    expect(errors?.map(({ pointer }) => pointer)).toEqual(['/id', '/source'])
  })

  test('of a token says which scheme is wanted', async () => {
    const { request } = await makeService()
    const response = await request('/runs', { headers: { authorization: '' } })
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="hdsync"')
  })

  test('of a method names those that are taken', async () => {
    const { request } = await makeService()
    expect((await request('/runs', { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD')
  })

  test('of a Last-Event-ID comes before the stream', async () => {
    const { request, start } = await makeService()
    const { run } = (await (await start()).json()) as { run: string }
    const response = await request(`/runs/${run}/stream`, { headers: { 'last-event-id': 'x' } })
    expect([response.status, (await problemOf(response)).type]).toEqual([
      400,
      problemType('invalid-parameter'),
    ])
  })

  test('for being too fast says when to come again, and others are not concerned', async () => {
    const { request, clock, app } = await makeService({ http: '  rateLimit: 1/s\n' })
    for (let n = 0; n < 10; n += 1) expect((await request('/runs')).status).toBe(200)
    const refused = await request('/runs')
    expect([refused.status, (await problemOf(refused)).type]).toEqual([429, problemType('rate-limited')])
    expect(refused.headers.get('retry-after')).toBe('1')
    const other = { incoming: { socket: { remoteAddress: '192.0.2.7' } } } as never
    expect((await app.request('/healthz', { headers: { host: '192.0.2.1' } }, other)).status).toBe(200)
    await clock.advance(1000)
    expect((await request('/runs')).status).toBe(200)
  })

  test('of what goes wrong in hdsync itself tells the log, and not the client', async () => {
    const { request, engine, warnings } = await makeService()
    engine.journal.runs = () => {
      throw new Error('the disk is on fire')
    }
    const response = await request('/runs')
    expect(await response.json()).toMatchObject({ type: problemType('internal'), status: 500 })
    expect(warnings).toEqual(['GET /runs failed: the disk is on fire'])
  })
})

test('a problem has a status that is an error, and a title', () => {
  for (const [name, { status, title }] of Object.entries(problems)) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(title).not.toBe('')
  }
})
