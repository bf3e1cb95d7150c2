import { expect, test } from 'vitest'
import { audits } from './page/browser.ts'
import { makeService } from './service.ts'

test('what somebody does over the API is on record: who, from where and what', async () => {
  const service = await makeService()
  const { run } = (await (await service.start()).json()) as { run: string }
  await service.request(`/runs/${run}/cancel`, { method: 'POST' })
  await service.request('/held/home/release', { method: 'POST' })
  expect(audits(service)).toEqual([
    { type: 'audit.act', data: { who: 'token', from: 'unknown', what: 'cancel', about: run } },
  ])
})

test('over the unix socket it is the socket that stands there', async () => {
  const service = await makeService({ trusted: true })
  const { run } = (await (await service.start()).json()) as { run: string }
  await service.request(`/runs/${run}/cancel`, { method: 'POST', headers: { authorization: '' } })
  expect(audits(service)).toMatchObject([{ data: { who: 'socket', from: 'socket', what: 'cancel' } }])
})
