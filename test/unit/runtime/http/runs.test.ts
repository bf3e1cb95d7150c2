import { describe, expect, test } from 'vitest'
import type { RunResult } from '../../../../events/index.ts'
import { showCommand } from '../../../../runtime/cli/commands/show.ts'
import { HdsyncError } from '../../../../runtime/errors.ts'
import { tookMs } from '../../../../runtime/run-duration.ts'
import { printed } from '../cli/night.ts'
import { makeService } from './service.ts'

const runOf = async (response: Response) => ((await response.json()) as { run: string }).run
const json = async (response: Response) => (await response.json()) as unknown

describe('GET /runs', () => {
  test('has the newest first, as many as are asked for, of the state that is asked for', async () => {
    const { request, start, engine } = await makeService({ running: true })
    const first = await runOf(await start({ sources: ['home'] }, 'a1'))
    await engine.ended(first)
    const second = await runOf(await start({ sources: ['www'] }, 'a2'))
    await engine.ended(second)
    const runs = async (query = '') =>
      ((await json(await request(`/runs${query}`))) as { run: string }[]).map(({ run }) => run)
    expect(await runs()).toEqual([second, first])
    expect(await runs('?limit=1')).toEqual([second])
    expect(await runs('?state=succeeded&limit=1')).toEqual([second])
    expect(await runs('?state=failed')).toEqual([])
  })

  test('is empty before the first one', async () => {
    const { request } = await makeService()
    expect(await json(await request('/runs'))).toEqual([])
  })
})

describe('GET /runs/:id', () => {
  test('is the object that `show --json` prints', async () => {
    const { request, start, engine, folder } = await makeService({ running: true })
    const run = await runOf(await start())
    await engine.ended(run)
    const io = printed()
    await showCommand(run, { config: `${folder}/hdsync.yaml`, json: true }, io)
    for (const id of [run, run.slice(0, 4), 'last']) {
      expect(await json(await request(`/runs/${id}`))).toEqual(JSON.parse(io.out))
    }
  })

  test('shows a run that waits', async () => {
    const { request, start } = await makeService()
    const run = await runOf(await start())
    expect(await json(await request(`/runs/${run}`))).toMatchObject({ run, state: 'running', endedAt: null })
  })
})

describe('POST /runs/:id/cancel', () => {
  test('ends a run that waits, and says so when there is nothing to end', async () => {
    const { request, start, engine } = await makeService()
    const run = await runOf(await start())
    const cancel = () => request(`/runs/${run}/cancel`, { method: 'POST' })
    const accepted = await cancel()
    expect([accepted.status, accepted.headers.get('location')]).toEqual([202, `/runs/${run}`])
    await engine.start()
    await engine.ended(run)
    expect(await json(await request(`/runs/${run}`))).toMatchObject({ state: 'cancelled' })
    expect(await json(await cancel())).toMatchObject({ status: 409, type: 'urn:hdsync:problem:run-ended' })
  })

  test.each([
    [true, 'command', 'cancelled by `hdsync cancel` before it began'],
    [true, 'SIGINT', 'cancelled by Ctrl-C before it began'],
    [true, 'constructor', 'cancelled over HTTP before it began'],
    [false, 'command', 'cancelled over HTTP before it began'],
  ])('says who has cancelled it (on the socket of root’s: %j, by %s)', async (trusted, by, error) => {
    const { request, start } = await makeService({ trusted })
    const run = await runOf(await start())
    await request(`/runs/${run}/cancel?by=${by}`, { method: 'POST' })
    const result = (await json(await request(`/runs/${run}`))) as RunResult
    expect(result).toMatchObject({ state: 'cancelled', sources: [{ error }, { error }] })
    expect(tookMs(result)).toBeUndefined()
  })
})

describe('GET /functions, /dead and the health checks', () => {
  test('say what there is', async () => {
    const { request } = await makeService()
    const functions = (await json(await request('/functions'))) as { name: string; builtIn: boolean }[]
    expect(functions.find(({ name }) => name === 'sync.run')).toMatchObject({ builtIn: true, tries: 3 })
    expect(await json(await request('/dead'))).toEqual([])
  })

  test('need no token, and tell when nothing can be recorded any more', async () => {
    const { request, engine } = await makeService()
    const bare = { headers: { authorization: '' } }
    expect(await json(await request('/healthz', bare))).toEqual({ status: 'ok', version: '9.9.9' })
    expect((await request('/readyz', bare)).status).toBe(200)
    Object.defineProperty(engine.dispatcher, 'failed', {
      value: new HdsyncError('disk full', { hint: 'make room' }),
    })
    expect((await request('/healthz', bare)).status).toBe(200)
    expect(await json(await request('/readyz', bare))).toMatchObject({
      status: 503,
      type: 'urn:hdsync:problem:unavailable',
      detail: expect.stringMatching(
        /^nothing can be recorded: the event store .* cannot be written: disk full$/,
      ),
      hint: 'make room',
    })
  })
})

test('on the unix socket nothing is asked for, and nothing is counted', async () => {
  const { app } = await makeService({ trusted: true, http: '  rateLimit: 1/m\n' })
  for (let n = 0; n < 20; n += 1) expect((await app.request('/runs')).status).toBe(200)
})
