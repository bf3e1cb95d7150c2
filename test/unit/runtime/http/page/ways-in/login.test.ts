import { mkdirSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sessionMs } from '../../../../../../runtime/http/session/sessions.ts'
import { token } from '../../service.ts'
import { audits, openBrowser, readToken } from '../browser.ts'

const hour = 3_600_000

describe('a code of `hdsync open`', () => {
  test('lets somebody in once, and makes a cookie that no script reads and no other site sends', async () => {
    const browser = await openBrowser({ right: 'none' })
    const code = browser.context.sessions.makeCode()
    const answer = await browser.get(`/open/${code}`)
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe('/')
    expect(answer.headers.get('set-cookie')).toMatch(
      /^hdsync-[0-9a-f]{8}=[\w-]{32}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    )
    expect((await browser.get('/')).status).toBe(200)
    const other = await openBrowser({ right: 'none' })
    expect((await other.get(`/open/${code}`)).status).toBe(403)
    browser.cookie = undefined
    expect((await browser.get(`/open/${code}`)).status).toBe(403)
  })

  test('is too old after five minutes', async () => {
    const browser = await openBrowser({ right: 'none' })
    const code = browser.context.sessions.makeCode()
    browser.clock.set(5 * 60_000 + 1)
    expect((await browser.get(`/open/${code}`)).status).toBe(403)
    expect(browser.cookie).toBeUndefined()
  })

  test('is not used up by whoever only looks whether it is there', async () => {
    const browser = await openBrowser({ right: 'none' })
    const path = `/open/${browser.context.sessions.makeCode()}`
    await browser.app.request(path, { method: 'HEAD', headers: { host: 'localhost' } })
    expect((await browser.get(path)).status).toBe(303)
  })
})

describe('wrong codes', () => {
  test('keep nobody out: neither with a right one, nor with a token', async () => {
    const browser = await openBrowser({ right: 'none' })
    const wrong = () => browser.get(`/open/${'x'.repeat(32)}`)
    for (let n = 0; n < 5; n++) expect((await wrong()).status).toBe(403)
    expect((await wrong()).status).toBe(429)
    expect((await browser.get(`/open/${browser.context.sessions.makeCode()}`)).status).toBe(303)
    expect((await browser.post('/login', { token })).status).toBe(303)
  })

  test('that a page of any site loads as an image are not even counted, and a right one is not used up', async () => {
    const browser = await openBrowser({ right: 'none' })
    const path = `/open/${browser.context.sessions.makeCode()}`
    const asImage = { 'sec-fetch-dest': 'image', 'sec-fetch-mode': 'no-cors', 'sec-fetch-site': 'cross-site' }
    for (let n = 0; n < 7; n++) expect((await browser.get(path, asImage)).status).toBe(403)
    expect(audits(browser)).toEqual([])
    expect((await browser.get(path)).status).toBe(303)
  })
})

describe('a token', () => {
  test('lets somebody in who goes on to where they wanted to', async () => {
    const browser = await openBrowser({ right: 'none' })
    const first = await browser.get('/nights?kind=all')
    expect(first.headers.get('location')).toBe('/login?to=%2Fnights%3Fkind%3Dall')
    const answer = await browser.post('/login', { token, to: '/nights?kind=all' })
    expect(answer.headers.get('location')).toBe('/nights?kind=all')
    expect(audits(browser)).toEqual([
      { type: 'audit.login', data: { who: expect.any(String), from: 'unknown', how: 'token', right: 'act' } },
    ])
  })

  test.each(['/files/var/%E2%82%AC', '/files/var/%FF', '/files/var/a%252Fb?at=x'])(
    'leads to a name of any characters: %s',
    async (path) => {
      const browser = await openBrowser({ right: 'none' })
      const login = (await browser.get(path)).headers.get('location') ?? ''
      const to = new URL(login, 'http://localhost').searchParams.get('to') ?? ''
      expect((await browser.post('/login', { token, to })).headers.get('location')).toBe(path)
      const typed = await browser.post('/login', { token, to: '/files/var/€' })
      expect(typed.headers.get('location')).toBe('/files/var/%E2%82%AC')
    },
  )

  test.each(['//evil.example', '/\\evil.example', 'https://evil.example', '/\nx'])(
    'leads nowhere else: %j',
    async (to) => {
      const browser = await openBrowser({ right: 'none' })
      const answer = await browser.post('/login', { token, to })
      expect(answer.headers.get('location')).toBe('/')
    },
  )

  test('may be guessed five times, then once in twelve seconds; what was wrong is on record', async () => {
    const browser = await openBrowser({ right: 'none' })
    for (let n = 0; n < 5; n++)
      expect((await browser.post('/login', { token: 'x'.repeat(32) })).status).toBe(403)
    expect((await browser.post('/login', { token })).status).toBe(429)
    browser.clock.set(12_000)
    expect((await browser.post('/login', { token })).status).toBe(303)
    expect(audits(browser).map(({ type }) => type)).toEqual([
      ...Array(5).fill('audit.refused'),
      'audit.login',
    ])
  })

  test('that only reads begins a session that says so', async () => {
    const browser = await openBrowser({ right: 'none' })
    await browser.post('/login', { token: readToken })
    const text = await browser.text('/')
    expect(text).toContain('read only')
  })
})

describe('a session', () => {
  test('ends after twelve hours', async () => {
    const browser = await openBrowser()
    browser.clock.set(sessionMs - hour)
    expect((await browser.get('/')).status).toBe(200)
    browser.clock.set(hour + 1)
    expect((await browser.get('/')).headers.get('location')).toBe('/login')
  })

  test('is never one that the browser brought', async () => {
    const browser = await openBrowser({ right: 'none' })
    const name = (await openName(browser)).split('=')[0]
    browser.cookie = `${name}=${'a'.repeat(32)}`
    await browser.post('/login', { token })
    expect(browser.cookie).not.toContain('a'.repeat(32))
    expect((await browser.get('/')).status).toBe(200)
  })

  test('is a digest on the disk: what lies there is no way in', async () => {
    const browser = await openBrowser()
    const secret = browser.cookie?.split('=')[1] ?? ''
    const [session] = browser.context.sessions.list()
    expect(session?.id).toMatch(/^[0-9a-f]{12}$/)
    expect(secret).not.toContain(session?.id)
    expect(browser.context.sessions.find(session?.id ?? '')).toBeUndefined()
  })

  test('is ended here, and everywhere', async () => {
    const browser = await openBrowser()
    browser.context.sessions.begin({ right: 'act', how: 'token', from: '192.0.2.1' })
    browser.context.sessions.begin({ right: 'act', how: 'token', from: '192.0.2.2' })
    const [other] = browser.context.sessions.list().filter(({ from }) => from === '192.0.2.1')
    await browser.post(`/sessions/${other?.id}/end`)
    expect(browser.context.sessions.list()).toHaveLength(2)
    const answer = await browser.post('/logout', { everywhere: 'yes' })
    expect(answer.headers.get('set-cookie')).toContain('Max-Age=0')
    expect(browser.context.sessions.list()).toEqual([])
    expect((await browser.get('/')).headers.get('location')).toBe('/login')
    expect(audits(browser).map(({ type }) => type)).toEqual(['audit.login', 'audit.act', 'audit.logout'])
  })

  test('that only looks ends itself, and no other', async () => {
    const browser = await openBrowser({ right: 'read' })
    browser.context.sessions.begin({ right: 'act', how: 'token', from: '192.0.2.1' })
    expect((await browser.post('/logout', { everywhere: 'yes' })).status).toBe(403)
    await browser.post('/logout')
    expect(browser.context.sessions.list()).toHaveLength(1)
  })

  test('reads the API, and acts on it with the token of its forms', async () => {
    const browser = await openBrowser()
    expect((await browser.get('/runs')).status).toBe(200)
    const headers = { host: 'localhost', cookie: browser.cookie ?? '', 'sec-fetch-site': 'same-origin' }
    const act = (more: object = {}) =>
      browser.app.request('/runs/nix/cancel', { method: 'POST', headers: { ...headers, ...more } })
    expect((await act()).status).toBe(403)
    const { formToken } = browser.context.sessions.find(browser.cookie?.split('=')[1] ?? '') ?? {}
    expect((await act({ 'x-hdsync-form': formToken })).status).toBe(404)
  })
})

test('a code is whole once it has its name: whoever reads it meanwhile would take it for one that has ended', async () => {
  const browser = await openBrowser({ right: 'none' })
  const { sessions } = browser.context
  const folder = join(browser.folder, 'state/sessions')
  mkdirSync(folder, { mode: 0o700 })
  const watching = watch(folder)
  const seen: string[] = []
  const named = new Promise<void>((resolve) => {
    watching.on('change', (what, name) => {
      seen.push(`${what} ${String(name).split('-', 1)}`)
      if (seen.at(-1) === 'rename code') resolve()
    })
  })
  sessions.makeCode()
  await named
  watching.close()
  expect(seen).toContain('change new')
  expect(seen).not.toContain('change code')
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^code-/)])
})

describe('behind a reverse proxy', () => {
  const http = '  base: /backup\n'

  test.each(['leaves', 'takes'])('that %s the prefix, links and cookie have it', async (what) => {
    const browser = await openBrowser({ http, right: 'none' })
    const base = what === 'leaves' ? '/backup' : ''
    const code = browser.context.sessions.makeCode()
    const answer = await browser.get(`${base}/open/${code}`, { 'x-forwarded-proto': 'https' })
    expect(answer.headers.get('location')).toBe('/backup/')
    expect(answer.headers.get('set-cookie')).toMatch(/; Path=\/backup\/; .*; Secure$/)
    const text = await browser.text(`${base}/`)
    expect(text).toContain('href="/backup/nights"')
    expect(text.match(/(?:href|action|src)="\/(?!backup\/)[^"]*"/g)).toBeNull()
    expect((await browser.get(`${base}/runs`)).status).toBe(200)
  })
})

async function openName(browser: Awaited<ReturnType<typeof openBrowser>>): Promise<string> {
  const answer = await browser.get(`/open/${browser.context.sessions.makeCode()}`)
  return answer.headers.get('set-cookie') ?? ''
}
