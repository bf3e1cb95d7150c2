import { execFileSync } from 'node:child_process'
import { createApp } from '../../../../../runtime/http/app.ts'
import { type AppContext, createContext } from '../../../../../runtime/http/context.ts'
import { makeService, type Service } from '../service.ts'

/** The app as a browser sees it that keeps a cookie, over a port. */
export interface Browser extends Service {
  context: AppContext
  /** A navigation of its own; what it is redirected to is not followed. */
  get(path: string, headers?: Record<string, string>): Promise<Response>
  text(path: string): Promise<string>
  /** Sends a form of the page as the browser does, with the token of its forms unless told otherwise. */
  post(path: string, fields?: Record<string, string>, headers?: Record<string, string>): Promise<Response>
  /** As if another session had been there. */
  cookie: string | undefined
}

type Options = Parameters<typeof makeService>[0] & { right?: 'act' | 'read' | 'none' }

export const readToken = 'fedcba9876543210fedcba9876543210'

export async function openBrowser({ right = 'act', ...options }: Options = {}): Promise<Browser> {
  const service = await makeService(options)
  const secrets = { token: '0123456789abcdef0123456789abcdef', readToken, webhooks: new Map() }
  const context = createContext({ ...service.options, secrets })
  const app = createApp(service.options, context)
  const browser: Browser = {
    ...service,
    app,
    context,
    cookie: undefined,
    get(path, headers = {}) {
      return ask(path, { headers: { ...navigation, ...headers } })
    },
    async text(path) {
      return (await browser.get(path)).text()
    },
    async post(path, fields = {}, headers = {}) {
      const session = browser.cookie && context.sessions.find(browser.cookie.split('=')[1] ?? '')
      const body = new URLSearchParams({ ...(session && { form: session.formToken }), ...fields })
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      const own = { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }
      return ask(path, {
        method: 'POST',
        body: body.toString(),
        headers: { ...navigation, ...type, ...own, ...headers },
      })
    },
  }
  async function ask(path: string, init: RequestInit): Promise<Response> {
    const headers = {
      host: 'localhost',
      ...(browser.cookie && { cookie: browser.cookie }),
      ...(init.headers as object),
    }
    const answer = await app.request(path, { ...init, headers })
    const [set] = answer.headers.getSetCookie()
    if (set) browser.cookie = set.includes('Max-Age=0') ? undefined : set.split(';', 1)[0]
    return answer
  }
  if (right === 'act') await browser.get(`/open/${context.sessions.makeCode()}`)
  if (right === 'read') await browser.post('/login', { token: readToken })
  return browser
}

const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none' }

/** The command that a view shows to be copied. */
export function commandIn(text: string): string {
  const [, escaped = ''] = /The same in a terminal: <code data-copy>(.*?)<\/code>/s.exec(text) ?? []
  const characters: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' }
  return escaped.replace(/&([a-z#0-9]+);/g, (_, name: string) => characters[name] ?? '?')
}

/** What a shell makes of a command, byte by byte as Latin-1: the words that the program gets. */
export function wordsOf(command: string): string[] {
  const said = execFileSync('bash', ['--norc', '-c', `printf '%s\\0' ${command}`], { encoding: 'latin1' })
  return said.split('\0').slice(0, -1)
}

/** The types of the audit events on record, with who did it. */
export function audits({
  engine,
}: Pick<Service, 'engine'>): { type: string; data: Record<string, unknown> }[] {
  return engine.bus
    .events({})
    .filter(({ type }) => type.startsWith('audit.'))
    .map(({ type, data }) => ({ type, data: data as Record<string, unknown> }))
}
