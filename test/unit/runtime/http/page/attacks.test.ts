import { describe, expect, test } from 'vitest'
import { createPage } from '../../../../../runtime/http/page/page.ts'
import { audits, openBrowser } from './browser.ts'

const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }

describe('a page of another site', () => {
  test('that leads here is answered with a page that asks once more, as the cookie was not sent', async () => {
    const browser = await openBrowser()
    const { cookie } = browser
    browser.cookie = undefined
    const answer = await browser.get('/nights?x="><script>', { 'sec-fetch-site': 'cross-site' })
    const text = await answer.text()
    expect(answer.status).toBe(200)
    expect(text).toContain('http-equiv="refresh"')
    expect(text).not.toContain('<script>')
    browser.cookie = cookie
    expect((await browser.get('/?once=')).status).toBe(200)
  })

  test('that loads something of the page gets nothing', async () => {
    const browser = await openBrowser()
    const answer = await browser.get('/', {
      ...elsewhere,
      'sec-fetch-mode': 'no-cors',
      'sec-fetch-dest': 'script',
    })
    expect(answer.status).toBe(403)
  })

  test.each(['/logout', '/sessions/abcdef/end', '/login'])(
    'that sends a form to %s is refused',
    async (path) => {
      const browser = await openBrowser()
      expect((await browser.post(path, {}, elsewhere)).status).toBe(403)
      expect(
        (await browser.post(path, {}, { origin: 'http://localhost:81', 'sec-fetch-site': 'same-site' }))
          .status,
      ).toBe(403)
      expect(browser.context.sessions.list()).toHaveLength(1)
    },
  )

  test('may not frame it, nor load anything from elsewhere', async () => {
    const browser = await openBrowser()
    const { headers } = await browser.get('/')
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    expect(headers.get('cache-control')).toBe('no-store')
  })
})

test('a form without its token, or with that of another session, does nothing', async () => {
  const browser = await openBrowser()
  const { session } = browser.context.sessions.begin({ right: 'act', how: 'token', from: 'x' })
  for (const form of ['', 'wrong', session.formToken]) {
    expect((await browser.post('/logout', { form })).status).toBe(403)
  }
  expect(browser.context.sessions.list()).toHaveLength(2)
})

/** Every address that a form of the page is sent to; what logs in and out is tested by itself. */
async function formAddresses(): Promise<string[]> {
  const { context } = await openBrowser()
  const posts = createPage(context).routes.filter(({ method, path }) => method === 'POST' && path !== '/*')
  const paths = [...new Set(posts.map(({ path }) => path.replace(/:\w+/g, '1')))]
  return paths.filter((path) => !['/login', '/logout'].includes(path))
}

test('a session that only looks is refused whatever form it sends, and nothing comes of it', async () => {
  const addresses = await formAddresses()
  expect(addresses.length).toBeGreaterThanOrEqual(7)
  const browser = await openBrowser({ right: 'read' })
  const before = browser.engine.bus.events({}).length
  for (const path of addresses) {
    const answer = await browser.post(path, { source: 'www', at: 'www@latest', word: 'www' })
    expect([path, answer.status]).toEqual([path, 403])
  }
  expect(browser.engine.bus.events({})).toHaveLength(before)
  expect(audits(browser).map(({ type }) => type)).toEqual(['audit.login'])
})

test('whatever form is sent without its token does nothing', async () => {
  const browser = await openBrowser()
  for (const path of await formAddresses())
    expect([path, (await browser.post(path, { form: 'guessed' })).status]).toEqual([path, 403])
  expect(audits(browser).map(({ type }) => type)).toEqual(['audit.login'])
})

test('a name that is not ours is refused, over the unix socket as well', async () => {
  for (const trusted of [false, true]) {
    const browser = await openBrowser({ trusted })
    const answer = await browser.get('/', { host: 'evil.example' })
    expect(answer.status).toBe(421)
  }
})

test('over the unix socket, too, the page asks for a session', async () => {
  const browser = await openBrowser({ trusted: true, right: 'none' })
  expect((await browser.get('/')).headers.get('location')).toBe('/login')
})

test('a token in a header is no way into the page: a browser has a session', async () => {
  const browser = await openBrowser({ right: 'none' })
  const authorization = 'Bearer 0123456789abcdef0123456789abcdef'
  expect((await browser.get('/', { authorization })).status).toBe(303)
})

test.each(['/assets/..%2f..%2fpage.ts', '/assets/%2e%2e/page.ts', '/assets/page.ts', '/assets/'])(
  '%s is no file of the page',
  async (path) => {
    const browser = await openBrowser()
    expect((await browser.get(path)).status).toBe(404)
  },
)

test('what stands in an address is text in the answer', async () => {
  const browser = await openBrowser()
  const text = await browser.text('/?find=%22%3E%3Cscript%3Ealert(1)%3C/script%3E')
  expect(text).not.toContain('<script>alert')
  expect(text).toContain('&lt;script&gt;alert(1)')
})

describe('over the unix socket', () => {
  const ask = async (headers: Record<string, string>) => {
    const { app, engine } = await openBrowser({ trusted: true, right: 'none' })
    const init = {
      method: 'POST',
      headers: { host: 'localhost:8080', 'content-type': 'text/plain', ...headers },
    }
    const { status } = await app.request('/runs/nix/cancel', init)
    expect(engine.bus.events({})).toEqual([])
    return status
  }

  test('a page of another site gets nothing done, nor one under a name that is not ours', async () => {
    expect(await ask(elsewhere)).toBe(403)
    expect(await ask({ origin: 'https://evil.example' })).toBe(403)
    expect(await ask({ host: 'evil.example', origin: 'http://evil.example' })).toBe(421)
  })

  test('a program does, and so does a page of ours', async () => {
    expect(await ask({})).toBe(404)
    expect(await ask({ host: 'anything' })).toBe(404)
    expect(await ask({ origin: 'http://localhost:8080', 'sec-fetch-site': 'same-origin' })).toBe(404)
  })
})

test('whoever asks for the head of the stream of events alone keeps nobody out', async () => {
  const browser = await openBrowser()
  const headers = { host: 'localhost', cookie: browser.cookie ?? '' }
  for (let n = 0; n < 20; n++)
    expect((await browser.app.request('/bus/stream', { method: 'HEAD', headers })).status).toBe(200)
})
