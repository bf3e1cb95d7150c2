import { expect, test } from 'vitest'
import { audits, openBrowser } from './page/browser.ts'
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

test('a session has one name on record, wherever it acts, also where it ends meanwhile', async () => {
  const browser = await openBrowser()
  const { sessions } = browser.context
  const session = sessions.find(browser.cookie?.split('=')[1] ?? '')
  const { run } = (await (await browser.start()).json()) as { run: string }
  browser.engine.cancel = async () => sessions.endAll() >= 0
  const headers = {
    host: 'localhost',
    cookie: browser.cookie ?? '',
    'x-hdsync-form': session?.formToken ?? '',
  }
  const answer = await browser.app.request(`/runs/${run}/cancel`, { method: 'POST', headers })
  expect(answer.status).toBe(202)
  const who = `session ${session?.id}`
  expect(audits(browser)).toMatchObject([
    { type: 'audit.login', data: { who } },
    { type: 'audit.act', data: { who, what: 'cancel', about: run } },
  ])
})
