import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { audits, type Browser, openBrowser } from '../browser.ts'

/** A name that would be obeyed by whoever does not escape it. */
const hostile = '<img src=x onerror=alert(1)>"\'&\n\u202e'

async function held(right: 'act' | 'read' = 'act'): Promise<Browser> {
  const browser = await openBrowser({ running: true, right })
  const { folder, engine, start } = browser
  const old = join(folder, 'www', 'old')
  mkdirSync(old)
  for (let n = 0; n < 9; n += 1) writeFileSync(join(old, `file${n}`), '')
  writeFileSync(join(old, hostile), '')
  for (const id of ['a1', 'a2']) {
    const { run } = (await (await start({}, id)).json()) as { run: string }
    await engine.ended(run)
    rmSync(old, { recursive: true, force: true })
  }
  return browser
}

describe('what is held', () => {
  test('is the sentence of the state, with the way to decide', async () => {
    const browser = await held()
    const text = await browser.text('/')
    expect(text).toContain('www is held: its next copy would delete more than it may, and waits for you.')
    expect(text).toContain('href="/holds/www"')
    expect(text).toContain('hdsync show --held www')
    expect(await browser.text('/holds')).toContain('www is held, and waits for you.')
  })

  test('is shown by folder and name by name, and no name is obeyed', async () => {
    const browser = await held()
    const text = await browser.text('/holds/www')
    expect(text).toContain('old/')
    expect(text).toContain('file0')
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;')
    expect(text).not.toContain('<img')
    const { run } = browser.engine.held()[0] ?? {}
    for (const path of ['/', `/nights/${run}`, '/nights', '/nights?kind=all'])
      expect(await browser.text(path)).not.toContain('<img')
  })

  test('is released, once, and that is on record', async () => {
    const browser = await held()
    const answer = await browser.post('/holds/www/release')
    const run = answer.headers.get('location')?.replace('/nights/', '') ?? ''
    await browser.engine.ended(run)
    expect(await browser.text('/')).toContain('Both sources are backed up')
    expect(await browser.text(`/nights/${run}`)).toContain('www is backed up')
    expect((await browser.post('/holds/www/release')).status).toBe(404)
    expect(audits(browser).at(-1)).toMatchObject({
      data: { who: expect.stringMatching(/^session /), what: 'release', about: 'www' },
    })
  })

  test('is dismissed: it waits no more, nothing was deleted, and the next run looks anew', async () => {
    const browser = await held()
    expect((await browser.post('/holds/www/dismiss')).status).toBe(303)
    expect(browser.engine.held()).toEqual([])
    expect(await (await browser.post('/holds/www/release')).text()).toContain('was dismissed')
    const { run } = (await (await browser.start({}, 'a3')).json()) as { run: string }
    await browser.engine.ended(run)
    expect(browser.engine.held()).toHaveLength(1)
    const answer = await browser.request('/held/www/dismiss', { method: 'POST' })
    expect(await answer.json()).toEqual({ dismissed: ['www'] })
  })

  test('is seen by a session that only looks, which decides nothing', async () => {
    const browser = await held('read')
    const text = await browser.text('/holds/www')
    expect(text).toContain('file0')
    expect(text).not.toContain('<button class="danger"')
    for (const act of ['release', 'dismiss'])
      expect((await browser.post(`/holds/www/${act}`)).status).toBe(403)
    expect(browser.engine.held()).toHaveLength(1)
  })
})
