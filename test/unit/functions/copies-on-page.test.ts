import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openEngine } from '../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../runtime/config/load.ts'
import { isInstalled } from '../../../runtime/host/command/packages.ts'
import { openBrowser, wordsOf } from '../runtime/http/page/browser.ts'
import { sealedSite } from './vault/sealed-site.ts'
import { Site } from './vault/site.ts'
import { whyNoSshd } from './vault/sshd.ts'

const testWithSshd = test.skipIf(whyNoSshd !== undefined || !isInstalled('age'))

/** The page of a server whose copy lies in a vault. */
async function pageOf(site: Site) {
  const config = await loadConfig({ path: site.server.config, env: {} })
  const engine = await openEngine({ config })
  if (!engine) throw new Error('another hdsync is at work')
  let isOpen = true
  const close = async () => {
    if (isOpen) await engine.stop()
    isOpen = false
  }
  onTestFinished(close)
  return { browser: await openBrowser({ config, engine, trusted: true }), close }
}

testWithSshd.each([
  ['encrypted', true],
  ['as it is', false],
])(
  'of a copy in a vault, %s, the page says which command brings it back, and that does',
  { timeout: 120_000 },
  async (_, isEncrypted) => {
    const sealed = isEncrypted ? await sealedSite() : undefined
    await using site = sealed?.site ?? (await Site.made())
    expect(await site.copy()).toMatchObject({ exitCode: 0 })
    const { browser, close } = await pageOf(site)
    const identity = isEncrypted ? ' --identity FILE' : ''
    const points = await browser.text('/points')
    expect(points).toContain(`hdsync restore home --from offsite --to FOLDER${identity}</code>`)
    const one = await browser.text('/points?source=home')
    const [, link = ''] = /href="([^"]*home(?:@|%40)offsite[^"]*)"/.exec(one) ?? []
    const [, at = ''] = /(home@offsite-\d{4}-\d\d-\d\d)/.exec(decodeURIComponent(link)) ?? []
    const command = `hdsync restore home --at ${at} --to FOLDER${identity}`
    const folder = join(site.server.folder, 'back')
    const query = new URLSearchParams({ source: 'home', at, where: 'folder', folder })
    for (const path of [link.replaceAll('&amp;', '&'), `/bring-back?${query}`]) {
      const answer = await browser.get(path)
      const text = await answer.text()
      expect([path, answer.status]).toEqual([path, expect.toBeOneOf([409, 503])])
      expect(text).toContain(`${at} lies in the vault`)
      expect(text).toContain(command)
      expect(text.includes('encrypted; the identity of a recipient opens it')).toBe(isEncrypted)
    }
    const api = await browser.app.request('/restores', {
      method: 'POST',
      headers: { host: 'localhost' },
      body: JSON.stringify({ places: ['home'], at, to: folder }),
    })
    expect(api.status).toBe(409)
    expect(await api.json()).toMatchObject({
      detail: expect.stringContaining('lies in the vault'),
      hint: command,
    })
    await close()
    const words = wordsOf(command.replace('FOLDER', folder).replace('FILE', sealed?.identity ?? '')).slice(1)
    const restored = await site.hdsync(...words, '-q')
    expect(restored, restored.err).toMatchObject({ exitCode: 0 })
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('home')
  },
)
