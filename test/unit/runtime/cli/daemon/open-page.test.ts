import { request } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createIdleWatch } from '../../../../../runtime/cli/daemon/idle.ts'
import { listen } from '../../../../../runtime/http/listener.ts'
import { cookieName } from '../../../../../runtime/http/session/cookie.ts'
import { openSessions } from '../../../../../runtime/http/session/sessions.ts'
import { makeService } from '../../http/service.ts'

const idleMs = 60_000
/** Real sockets take a moment. */
const patience = { timeout: 60_000 }

test('a page that follows events keeps the daemon, costs it a word now and then, and lets it leave once it is closed', async () => {
  const { handle, options, clock } = await makeService()
  const listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    handle: (...one) => void handle(one[0], one[1]),
  })
  onTestFinished(() => listener.close(0))
  let left = false
  const leave = async () => {
    left = true
    return true
  }
  const watch = createIdleWatch({ idleMs, busy: () => listener.clients > 0, leave, clock })
  onTestFinished(() => watch.stop())
  const { state } = options.config
  const { secret } = openSessions(state, clock).begin({ right: 'act', how: 'code', from: 'x' })
  const cookie = `${cookieName(state)}=${secret}`
  let heard = ''
  const page = request(`http://${listener.address}/bus/stream`, { headers: { cookie } }, (answer) => {
    answer.on('data', (chunk) => {
      heard += chunk
    })
    answer.on('error', () => {})
  })
  page.on('error', () => {})
  page.end()
  await vi.waitFor(() => expect(heard).toContain('retry:'), patience)
  for (let minute = 0; minute < 10; minute++) await clock.advance(idleMs)
  expect(left).toBe(false)
  await vi.waitFor(() => expect(heard.match(/^: still here$/gm)).toHaveLength(40), patience)
  expect(heard).not.toContain('event:')
  page.destroy()
  await vi.waitFor(() => expect(listener.clients).toBe(0), patience)
  await clock.advance(2 * idleMs)
  expect(left).toBe(true)
})
