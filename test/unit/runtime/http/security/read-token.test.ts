import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { problemType } from '../../../../../runtime/http/problem.ts'
import { readSecrets } from '../../../../../runtime/http/secrets.ts'
import { makeService, structured } from '../service.ts'

const readToken = 'fedcba9876543210fedcba9876543210'
const authorization = `Bearer ${readToken}`

test('the read token answers questions, and changes nothing', async () => {
  const secrets = { token: '0123456789abcdef0123456789abcdef', readToken, webhooks: new Map() }
  const { request, engine } = await makeService({ secrets })
  expect((await request('/runs', { headers: { authorization } })).status).toBe(200)
  const event = structured({})
  const refused = await request('/events', {
    ...event,
    headers: { ...event.headers, authorization } as Record<string, string>,
  })
  expect(refused.status).toBe(403)
  expect(await refused.json()).toMatchObject({ type: problemType('read-only') })
  expect(engine.bus.events({})).toEqual([])
})

test('where there is a read token alone, nobody asks without it, and nobody acts', async () => {
  const { request } = await makeService({ secrets: { token: undefined, readToken, webhooks: new Map() } })
  expect((await request('/runs', { headers: { authorization: '' } })).status).toBe(401)
  expect((await request('/runs', { headers: { authorization } })).status).toBe(200)
  expect((await request('/runs/x/cancel', { method: 'POST', headers: { authorization } })).status).toBe(403)
})

test('its file is read as that of the other token, and named where it is wrong', async () => {
  const { folder } = await makeService()
  const file = join(folder, 'read.token')
  writeFileSync(file, 'short\n', { mode: 0o600 })
  const http = { readTokenFile: file, webhooks: {} } as never
  await expect(readSecrets({ http })).rejects.toThrow('http.readTokenFile')
  writeFileSync(file, `${readToken}\n`)
  expect(await readSecrets({ http })).toMatchObject({ token: undefined, readToken })
})
