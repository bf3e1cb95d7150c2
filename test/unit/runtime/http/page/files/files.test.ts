import { execFileSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test, vi } from 'vitest'
import { Backups } from '../../../../../../runtime/http/page/files/backups.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'
import { audits, type Browser, commandIn, openBrowser, wordsOf } from '../browser.ts'

/** A name that would be obeyed by whoever does not escape it, of bytes that are no UTF-8. */
const hostile = Buffer.from([...Buffer.from('<b>&"\''), 0xff, 0x0a])

/** A source with folders, links and odd names, backed up twice: in the second night letter.txt is another one, lost.txt is gone. */
async function server(options: Parameters<typeof openBrowser>[0] = {}): Promise<Browser> {
  const browser = await openBrowser({ running: true, http: '  restore: true\n', ...options })
  const www = join(browser.folder, 'www')
  mkdirSync(join(www, 'ann/deep'), { recursive: true })
  writeFileSync(join(www, 'ann/letter.txt'), 'Dear Sir,\nit has been <b>9</b> days.\nAnn\n')
  writeFileSync(join(www, 'ann/lost.txt'), 'lost\n')
  writeFileSync(join(www, 'ann/deep/data.bin'), Buffer.alloc(3000, 7))
  symlinkSync('/etc/passwd', join(www, 'ann/link'))
  linkSync(join(www, 'ann/letter.txt'), join(www, 'ann/twin.txt'))
  writeFileSync(Buffer.concat([Buffer.from(`${www}/`), hostile]), 'odd')
  await night(browser, 'a1')
  return browser
}

async function night({ engine, start }: Browser, id: string): Promise<void> {
  const { run } = (await (await start({}, id)).json()) as { run: string }
  await engine.ended(run)
}

describe('files', () => {
  test('are listed by source, by folder, and each by itself', async () => {
    const browser = await server()
    expect(await browser.text('/files')).toContain('href="/files/www"')
    const top = await browser.text('/files/www')
    expect(top).toContain('href="/files/www/ann"')
    expect(top).toContain('&lt;b&gt;&amp;&quot;&#39;\\xff\\x0a')
    expect(top).not.toContain('<b>&')
    expect(wordsOf(commandIn(top))).toEqual(['hdsync', 'ls', 'www'])
    const folder = await browser.text('/files/www/ann')
    for (const name of ['deep/', 'letter.txt', 'lost.txt', '→ /etc/passwd']) expect(folder).toContain(name)
    const file = await browser.text('/files/www/ann/letter.txt')
    expect(file).toContain('it has been &lt;b&gt;9&lt;/b&gt; days.')
    expect(file).toContain('hdsync versions www:ann/letter.txt')
    const view = await browser.text('/files/www/%3Cb%3E%26%22%27%FF%0A')
    expect(wordsOf(commandIn(view))).toEqual(['hdsync', 'versions', `www:${hostile.toString('latin1')}`])
    const odd = await browser.get('/files/www/%3Cb%3E%26%22%27%FF%0A?download=file')
    expect([odd.status, await odd.text()]).toEqual([200, 'odd'])
  })

  test('are found by a part of their name', async () => {
    const browser = await server()
    const text = await browser.text('/files?find=LETTER')
    expect(text).toContain('Nothing is or was called')
    const found = await browser.text('/files?find=letter')
    expect(found).toContain('www:ann/letter.txt')
    expect(found).toContain('1 name with “letter”')
    const part = await browser.text('/files?find=ann/le')
    expect(part).toContain('1 name with “ann/le”')
    // A byte that is no UTF-8 is found by what it is in Latin-1, as `hdsync find` does.
    expect(await browser.text(`/files?find=${encodeURIComponent('ÿ')}`)).toContain('1 name with “ÿ”')
  })

  test('are found by patterns of many stars, two searches at a time', async () => {
    const browser = await server()
    const search = () => browser.get(`/files?find=${encodeURIComponent(`${'*?'.repeat(40)}Z`)}`)
    const leave = [1, 2].map(() => browser.context.capacity.searches.enter())
    expect((await search()).status).toBe(429)
    for (const one of leave) one()
    expect(await (await search()).text()).toContain('Nothing is or was called')
  })

  test('of a mirror that cannot be opened are told as such, and the daemon goes on', async () => {
    const browser = await server()
    // What is listed is no file any more when it is opened.
    const read = vi.spyOn(Backups.prototype, 'read').mockImplementationOnce(async function (
      this: Backups,
      point,
    ) {
      return this.read(point, () => new Readable().destroy(new Error('EMFILE')))
    })
    expect((await browser.get('/files/www/ann/letter.txt?download=file')).status).toBe(503)
    read.mockRestore()
    await new Promise((resolve) => setImmediate(resolve))
    expect((await browser.get('/files/www/ann/letter.txt?download=file')).status).toBe(200)
  })

  test('of which only the head is asked are not held open', async () => {
    const browser = await server()
    const streams: Readable[] = []
    const { read } = Backups.prototype
    const spy = vi.spyOn(Backups.prototype, 'read').mockImplementation(async function (
      this: Backups,
      ...given
    ) {
      const stream = await read.apply(this, given)
      streams.push(stream)
      return stream
    })
    for (const path of ['letter.txt?download=file', '?download=tar']) {
      const headers = { host: 'localhost', cookie: browser.cookie ?? '' }
      const answer = await browser.app.request(`/files/www/ann/${path}`, { method: 'HEAD', headers })
      expect([answer.status, answer.body]).toEqual([200, null])
    }
    spy.mockRestore()
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, true])
  })

  test('are downloaded as they are, named after themselves, and that is on record', async () => {
    const browser = await server()
    const answer = await browser.get('/files/www/ann/letter.txt?download=file')
    expect(await answer.text()).toBe('Dear Sir,\nit has been <b>9</b> days.\nAnn\n')
    expect(answer.headers.get('content-disposition')).toBe(
      `attachment; filename="letter.txt"; filename*=UTF-8''letter.txt`,
    )
    expect(answer.headers.get('content-security-policy')).toContain('sandbox')
    expect(audits(browser).at(-1)).toMatchObject({
      data: { what: 'download', about: expect.stringContaining('www:ann/letter.txt@') },
    })
  })

  test('of a folder come as a tar that tar unpacks, links as links', async () => {
    const browser = await server()
    const answer = await browser.get('/files/www/ann?download=tar')
    const into = temporaryFolder()
    execFileSync('tar', ['-x', '-C', into], { input: Buffer.from(await answer.arrayBuffer()) })
    expect(readFileSync(join(into, 'ann/deep/data.bin'))).toEqual(Buffer.alloc(3000, 7))
    expect(readFileSync(join(into, 'ann/twin.txt'), 'utf8')).toContain('Dear Sir')
    expect(execFileSync('readlink', [join(into, 'ann/link')], { encoding: 'utf8' })).toBe('/etc/passwd\n')
    const { mtimeMs } = (await import('node:fs')).statSync(join(browser.folder, 'www/ann/letter.txt'))
    expect((await import('node:fs')).statSync(join(into, 'ann/letter.txt')).mtimeMs).toBeCloseTo(mtimeMs, 0)
  })

  test.each(['', '/ann/link', '/ann/nothing', '/ann/link/x'])(
    'a link is not followed, what is not there is told: www%s',
    async (path) => {
      const browser = await server()
      const answer = await browser.get(
        `/files/www${path}${path === '' ? '/ann/link/../../../etc/passwd' : ''}?download=file`,
      )
      expect(answer.status).toBe(path.endsWith('/x') ? 503 : 404)
      expect(await answer.text()).not.toContain('root:x')
    },
  )

  test.each([
    '/files/www/..%2f..%2fetc',
    '/files/www/%2e%2e%2f%2e%2e',
    '/files/www/ann%2f..%2f..',
    '/files/www/%00',
    '/files/..%2f/x',
    '/files/nix',
  ])('there is no way out of a source: %s', async (path) => {
    const browser = await server()
    for (const query of ['', '?download=file', '?download=tar'])
      expect((await browser.get(path + query)).status).toBe(404)
  })

  test('a session that only looks sees what they are called, and nothing of what is in them', async () => {
    const browser = await server({ right: 'read' })
    expect(await browser.text('/files/www/ann')).toContain('letter.txt')
    const text = await browser.text('/files/www/ann/letter.txt')
    expect(text).not.toContain('Dear Sir')
    expect(text).not.toContain('download=')
    expect(text).not.toContain('SHA-256')
    for (const path of ['letter.txt?download=file', '?download=tar', 'letter.txt?with=latest'])
      expect(await browser.text(`/files/www/ann/${path}`)).not.toContain('Dear Sir')
    expect((await browser.get('/bring-back?source=www&at=www@latest')).status).toBe(403)
  })
})

describe('a restore', () => {
  const fields = (more: Record<string, string> = {}) => ({
    source: 'www',
    at: 'www@latest',
    path: Buffer.from('ann/letter.txt').toString('base64url'),
    ...more,
  })
  const query = (more: Record<string, string>) => `/bring-back?${new URLSearchParams(fields(more))}`

  test('asks where to, shows the plan, is done for the typed word, and taken back', async () => {
    const browser = await server()
    const file = join(browser.folder, 'www/ann/letter.txt')
    writeFileSync(file, 'spoiled\n')
    expect(await browser.text(query({}))).toContain('Where to?')
    const plan = await browser.text(query({ where: 'in-place' }))
    expect(plan).toContain('This would replace')
    const hash = /name="hash" value="([^"]+)"/.exec(plan)?.[1] ?? ''
    const wrong = await browser.post('/bring-back', fields({ where: 'in-place', hash, word: 'yes' }))
    expect(wrong.status).toBe(422)
    expect(readFileSync(file, 'utf8')).toBe('spoiled\n')
    const answer = await browser.post('/bring-back', fields({ where: 'in-place', hash, word: 'www' }))
    const path = answer.headers.get('location') ?? ''
    await browser.engine.ended(path.replace('/bring-back/', ''))
    expect(readFileSync(file, 'utf8')).toContain('Dear Sir')
    expect(await browser.text(path)).toContain('www is brought back in')
    const undo = await browser.post(`${path}/undo`)
    await browser.engine.ended(undo.headers.get('location')?.replace('/bring-back/', '') ?? '')
    expect(readFileSync(file, 'utf8')).toBe('spoiled\n')
    expect(
      audits(browser)
        .map(({ data }) => data.what)
        .slice(-2),
    ).toEqual(['restore', 'undo'])
  })

  test('into a folder leaves the live file alone', async () => {
    const browser = await server()
    const folder = join(browser.folder, 'back')
    const plan = await browser.text(query({ where: 'folder', folder }))
    const hash = /name="hash" value="([^"]+)"/.exec(plan)?.[1] ?? ''
    const answer = await browser.post('/bring-back', fields({ where: 'folder', folder, hash, word: 'www' }))
    await browser.engine.ended(answer.headers.get('location')?.replace('/bring-back/', '') ?? '')
    expect(readFileSync(join(folder, 'ann/letter.txt'), 'utf8')).toContain('Dear Sir')
  })

  test('of which something has changed since the plan is not done', async () => {
    const browser = await server()
    const file = join(browser.folder, 'www/ann/letter.txt')
    rmSync(file)
    const plan = await browser.text(query({ where: 'in-place' }))
    const hash = /name="hash" value="([^"]+)"/.exec(plan)?.[1] ?? ''
    writeFileSync(file, 'something else\n')
    const answer = await browser.post('/bring-back', fields({ where: 'in-place', hash, word: 'www' }))
    expect(answer.status).toBe(409)
    expect(readFileSync(file, 'utf8')).toBe('something else\n')
  })

  test.each(['../../etc/passwd', '/etc/passwd', 'ann/../../x'])(
    'of a path that goes up is refused: %s',
    async (path) => {
      const browser = await server()
      const encoded = Buffer.from(path).toString('base64url')
      const answer = await browser.get(
        query({ path: encoded, where: 'folder', folder: join(browser.folder, 'out') }),
      )
      expect([409, 422]).toContain(answer.status)
      expect(existsSync(join(browser.folder, 'out'))).toBe(false)
    },
  )

  test('is shown as a command that a shell takes as it is meant, --delete with it', async () => {
    const browser = await server()
    const path = hostile.toString('base64url')
    const folder = join(browser.folder, "b; touch 'x'")
    const plan = await browser.text(query({ path, where: 'folder', folder, delete: 'yes' }))
    const place = `www:${hostile.toString('latin1')}`
    expect(wordsOf(commandIn(plan))).toEqual([
      ...['hdsync', 'restore', place, '--at', 'www@latest', '--to', folder, '--delete', '--dry-run'],
    ])
    const [source, at] = ['www $(id)', "x; touch 'x'"]
    const asked = await browser.text(query({ source, at }))
    expect(wordsOf(commandIn(asked))).toEqual(['hdsync', 'restore', `${source}:ann/letter.txt`, '--at', at])
    expect((await browser.get(query({ source: '--config=x', path: '' }))).status).toBe(422)
  })

  test('over a port that takes none names the command', async () => {
    const browser = await server({ http: '' })
    const answer = await browser.get(query({}))
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('hdsync restore www:ann/letter.txt --at www@latest')
  })
})
