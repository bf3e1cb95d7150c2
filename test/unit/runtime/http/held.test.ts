import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeService, structured } from './service.ts'

type Service = Awaited<ReturnType<typeof makeService>>

async function finish({ engine }: Service, response: Response): Promise<string> {
  const { run } = (await response.json()) as { run: string }
  await engine.ended(run)
  return run
}

const post = ({ request }: Service, id: string) => request(`/held/${id}/release`, { method: 'POST' })

test('GET /held lists what waits, and POST /held/:id/release lets it go on, once', async () => {
  const service = await makeService({ running: true })
  const { request, start, engine, folder } = service
  const old = join(folder, 'www', 'old')
  mkdirSync(old)
  for (let n = 0; n < 9; n += 1) writeFileSync(join(old, `file${n}`), '')
  await finish(service, await start({}, 'a1'))
  expect(await (await request('/held')).json()).toEqual([])
  rmSync(old, { recursive: true })
  const held = await finish(service, await start({}, 'a2'))
  const holds = (await (await request('/held')).json()) as { hold: string }[]
  expect(holds).toMatchObject([
    { source: 'www', run: held, files: 9, folders: 1, byFolder: [{ path: 'old/', whole: true }] },
  ])
  const answer = await post(service, holds[0]?.hold ?? '')
  expect(answer.status).toBe(202)
  const { run, sources } = (await answer.json()) as { run: string; sources: string[] }
  expect([answer.headers.get('location'), sources]).toEqual([`/runs/${run}`, ['www']])
  await engine.ended(run)
  expect(await (await request(`/runs/${run}`)).json()).toMatchObject({ state: 'succeeded' })
  expect(await (await request('/held')).json()).toEqual([])
  for (const id of ['www', held, holds[0]?.hold ?? '']) {
    expect(await (await post(service, id)).json()).toMatchObject({
      status: 404,
      type: 'urn:hdsync:problem:nothing-held',
      detail: expect.stringContaining(`was released in run ${run}`),
    })
  }
})

test.each([{ allowDeletions: { www: 1000 } }, { releases: ['0123456789ab'] }, { allowDeletions: {} }])(
  'an event from outside permits no deletions: %j',
  async (data) => {
    const { request, engine } = await makeService()
    const answer = await request('/events', structured({ data }))
    expect(await answer.json()).toMatchObject({
      status: 422,
      type: 'urn:hdsync:problem:invalid-data',
      hint: '`hdsync release ID`, or POST /held/ID/release, resumes a held sync',
    })
    expect(engine.bus.events({})).toEqual([])
  },
)
