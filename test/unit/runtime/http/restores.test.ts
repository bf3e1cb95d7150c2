import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { restoreStart } from '../../../../events/index.ts'
import { connectDaemon } from '../../../../runtime/cli/daemon/client.ts'
import { loadConfig } from '../../../../runtime/config/load.ts'
import { createApp } from '../../../../runtime/http/app.ts'
import { backUp, makeServer } from '../cli/night.ts'
import { hdsync, serve } from '../cli/processes.ts'
import { makeService, type Service, structured } from './service.ts'

const allowed = '  restore: true\n'

async function backedUp(options: Parameters<typeof makeService>[0] = { http: allowed }): Promise<Service> {
  const service = await makeService({ running: true, ...options })
  mkdirSync(join(service.folder, 'home/mail'))
  writeFileSync(join(service.folder, 'home/mail/ann'), 'good\n')
  writeFileSync(Buffer.concat([Buffer.from(join(service.folder, 'home/')), Buffer.from([0xff])]), 'odd\n')
  const { run } = (await (await service.start()).json()) as { run: string }
  await service.engine.ended(run)
  return service
}

const post = ({ request }: Service, body: object) =>
  request('/restores', { method: 'POST', body: JSON.stringify(body) })

async function restored(service: Service, body: object): Promise<unknown> {
  const { hash } = (await (await post(service, body)).json()) as { hash: string }
  const answer = await post(service, { ...body, hash })
  const { run } = (await answer.json()) as { run: string }
  expect([answer.status, answer.headers.get('location')]).toEqual([202, `/runs/${run}`])
  await service.engine.ended(run)
  return (await service.request(`/runs/${run}`)).json()
}

test('POST /restores answers with the plan, and does it for its hash', async () => {
  const service = await backedUp()
  const live = join(service.folder, 'home/mail/ann')
  writeFileSync(live, 'spoilt\n')
  const wish = { places: [live], inPlace: true }
  const plan = await post(service, wish)
  expect(plan.status).toBe(200)
  expect(await plan.json()).toMatchObject({ replaced: { entries: 1 }, deleted: { entries: 0 } })
  expect(readFileSync(live, 'utf8')).toBe('spoilt\n')
  expect(await restored(service, wish)).toMatchObject({ kind: 'restore', state: 'succeeded' })
  expect(readFileSync(live, 'utf8')).toBe('good\n')
  // There is nothing left to do, which is done as well.
  expect(await restored(service, wish)).toMatchObject({ state: 'succeeded' })
})

test('the plan is the one that the command prints', async () => {
  const server = await makeServer()
  await backUp(server)
  writeFileSync(join(server.folder, 'home/file'), 'spoilt')
  await serve(server)
  const daemon = await connectDaemon(await loadConfig({ path: server.config, env: {} }))
  const plan = await daemon?.post('/restores', { places: ['home:file'], inPlace: true })
  const { out } = await hdsync(server, 'restore', 'home:file', '--in-place', '--dry-run', '--json').ended
  expect(plan).toEqual(JSON.parse(out))
})

test('a name of any bytes is given in base64, as it is answered', async () => {
  const service = await backedUp()
  const placeBase64 = Buffer.concat([Buffer.from('home:'), Buffer.from([0xff])]).toString('base64')
  const to = join(service.folder, 'new')
  const wish = { places: [{ place: 'home:\uFFFD', placeBase64 }, 'home:mail/ann'], to }
  const { actions } = (await (await post(service, wish)).json()) as { actions: unknown[] }
  const pathBase64 = Buffer.from([0xff]).toString('base64')
  expect(actions).toContainEqual({ op: 'create', path: '\uFFFD', pathBase64, type: 'file' })
  expect(await restored(service, wish)).toMatchObject({ state: 'succeeded' })
  expect(readdirSync(to, 'latin1')).toEqual(['mail', '\xff'])
})

test('a plan that is not what was shown any more is not done', async () => {
  const service = await backedUp()
  const live = join(service.folder, 'home/mail/ann')
  rmSync(live)
  const wish = { places: ['home:mail'], inPlace: true }
  const { hash } = (await (await post(service, wish)).json()) as { hash: string }
  const changed = { status: 409, type: 'urn:hdsync:problem:plan-changed' }
  for (const other of [{ delete: true }, { exclude: ['x'] }, { places: ['home'] }, { owners: 'me' }]) {
    const owners = process.getuid?.() === 0 ? 'keep' : 'me'
    if (JSON.stringify(other) === JSON.stringify({ owners })) continue
    expect(await (await post(service, { ...wish, hash, ...other })).json()).toMatchObject(changed)
  }
  writeFileSync(live, 'another\n')
  expect(await (await post(service, { ...wish, hash })).json()).toMatchObject(changed)
  expect(readFileSync(live, 'utf8')).toBe('another\n')
})

test('deletions beyond the limit of the source are permitted by their number', async () => {
  const service = await backedUp()
  const live = join(service.folder, 'home')
  for (let n = 0; n < 9; n += 1) writeFileSync(join(live, `more${n}`), '')
  const wish = { places: ['home'], inPlace: true, delete: true }
  const { hash } = (await (await post(service, wish)).json()) as { hash: string }
  expect(await (await post(service, { ...wish, hash })).json()).toMatchObject({
    status: 409,
    type: 'urn:hdsync:problem:too-many-deletions',
    hint: expect.stringContaining('"allowDeletions": 9'),
  })
  expect(await restored(service, { ...wish, allowDeletions: 9 })).toMatchObject({ state: 'succeeded' })
  expect(existsSync(join(live, 'more1'))).toBe(false)
})

test('a port takes no restores unless the config says so, and the socket always does', async () => {
  const service = await backedUp({})
  const wish = { places: ['home'], to: join(service.folder, 'new') }
  expect(await (await post(service, wish)).json()).toMatchObject({
    status: 403,
    type: 'urn:hdsync:problem:restore-not-allowed',
    detail: expect.stringContaining('`http.restore: true`'),
  })
  const local = createApp({ ...service.options, trusted: true })
  const answer = await local.request('/restores', { method: 'POST', body: JSON.stringify(wish) })
  expect(answer.status).toBe(200)
})

test('restore.start is taken from nobody as an event', async () => {
  const service = await makeService({ http: allowed })
  const { options, folder, engine } = service
  const request = {
    ...{ do: 'restore', point: 'home@latest', paths: [''], root: `${folder}/new`, isNew: true },
    ...{ deletes: false, exclude: [], owners: 'me', hash: '0'.repeat(32) },
  }
  const event = structured({ type: restoreStart.type, data: { source: 'home', request } })
  const local = createApp({ ...options, trusted: true })
  for (const answer of [await service.request('/events', event), await local.request('/events', event)])
    expect(await answer.json()).toMatchObject({ status: 403, type: 'urn:hdsync:problem:not-triggerable' })
  expect(engine.bus.events({})).toEqual([])
})

test.each([
  ['no place', { places: [], to: '/x' }, 422, '/places'],
  ['a place of no source', { places: ['nobody'], to: '/x' }, 422, 'there is no source'],
  ['places of two sources', { places: ['home', 'www'], to: '/x' }, 422, 'one source at a time'],
  ['nowhere to bring it', { places: ['home'] }, 422, '/to'],
  ['two places to bring it', { places: ['home'], to: '/x', inPlace: true }, 422, '/to'],
  ['a relative folder', { places: ['home'], to: 'x' }, 422, '/to: an absolute path'],
  ['a key that there is not', { places: ['home'], to: '/x', yes: true }, 422, 'yes'],
  ['what was not there', { places: ['home:nothing'], to: '/nowhere/x' }, 422, 'is not in home@latest'],
  ['another time', { places: ['home'], to: '/x', at: '2001-01-01' }, 422, 'no restore point'],
])('is refused: %s', async (_, body, status, says) => {
  const answer = await post(await backedUp(), body)
  expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
    status,
    expect.stringContaining(says),
  ])
})

test('nothing is restored into backups', async () => {
  const service = await backedUp()
  const answer = await post(service, { places: ['home'], to: join(service.folder, 'disk/x') })
  expect(await answer.json()).toMatchObject({ status: 409, type: 'urn:hdsync:problem:cannot-restore' })
})
