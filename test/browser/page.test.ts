import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { isNightly } from '../unit/nightly.ts'
import { barriers, chromiumAvailable, launch, openWindow } from './chromium.ts'
import { type Served, serve } from './server.ts'
import { expectSoundScreen } from './sound-screen.ts'

const available = chromiumAvailable()
const nights = 8
const phone = { width: 360, height: 780 }
const further = [
  ['dark', { colorScheme: 'dark' }],
  ['in a narrow window', { colorScheme: 'light', viewport: { width: 800, height: 900 } }],
  ['light, on a phone', { colorScheme: 'light', viewport: phone }],
] as const

describe.skipIf(!available.ok)(
  `the page in a Chromium${available.ok ? '' : ` (skipped: ${available.why})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'hdsync-browser-'))
    let browser: Browser
    let served: Served

    beforeAll(async () => {
      served = await serve(folder, nights)
      browser = await launch()
    })

    afterAll(async () => {
      await browser?.close()
      await served?.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    /** A window that is logged in. */
    async function open(options: Parameters<Browser['newContext']>[0] = {}) {
      const window = await openWindow(browser, served.origin, options)
      onTestFinished(() => window.context.close())
      await window.page.goto((await served.hdsync('open')).trim())
      return { ...window, go: (path: string) => window.page.goto(served.origin + path) }
    }

    async function newestRun(): Promise<string> {
      const [run] = JSON.parse(await served.hdsync('runs', '--json', '--limit', '1')) as { run: string }[]
      return run?.run ?? ''
    }

    test.each([
      ['light', { colorScheme: 'light' }],
      ['dark, on a phone', { colorScheme: 'dark', viewport: phone }],
      ...(isNightly ? further : []),
    ] as const)(
      'every screen, %s: no barrier, no error, nothing from elsewhere, no more than it needs',
      async (_, options) => {
        const { page, complaints, go } = await open(options)
        const point = 'mail@latest'
        const screens = [
          '/',
          '/nights',
          '/nights?kind=all',
          `/nights/${await newestRun()}`,
          '/holds',
          '/holds/home',
          '/files',
          '/files/home/bob',
          '/files/mail/ann/inbox',
          '/files/home/bob/notes.md',
          '/files?find=notes',
          '/points',
          '/points?source=mail',
          '/bus',
          '/bus/events',
          '/sessions',
          `/bring-back?source=mail&at=${point}`,
          `/bring-back?source=mail&at=${point}&where=in-place`,
        ]
        for (const path of screens) await expectSoundScreen(page, go, { path, maxBytes: 150_000 })
        expect(complaints).toEqual([])
      },
    )

    test('is read without JavaScript', async () => {
      const { page, go } = await open({ javaScriptEnabled: false })
      await go('/')
      expect(await page.locator('h1').innerText()).toContain('home is held')
      await page.getByRole('link', { name: 'Nights' }).click()
      await page.locator('tbody a').first().click()
      expect(await page.locator('svg .step').count()).toBeGreaterThan(3)
    })

    test('what a check finds in the background is shown once it is known, without a reload', async () => {
      const { page, go, complaints } = await open()
      rmSync(join(folder, 'state/checked.json'), { force: true })
      // An earlier screen has asked for a check: what is written after it asks for another.
      utimesSync(join(folder, 'hdsync.yaml'), new Date(), new Date())
      await go('/')
      await page.locator('.found dd', { hasText: 'has no token' }).waitFor({ timeout: 110_000 })
      // Until then it shows what an earlier check has printed.
      const checked = join(folder, 'state/checked.json')
      await expect.poll(() => existsSync(checked), { timeout: 110_000 }).toBe(true)
      // What a script adds to a view is there in one that is drawn again.
      expect(await page.locator('.found button.copy').count()).toBe(1)
      expect(await barriers(page)).toEqual([])
      const { findings } = JSON.parse(readFileSync(checked, 'utf8'))
      expect(await page.locator('.found dt').count()).toBe(
        findings.filter(({ id }: { id: string }) => !/^source\.(held|overdue)$/.test(id)).length,
      )
      expect(complaints).toEqual([])
    })

    test('a login that is refused, a session that has expired', async () => {
      const { page, go } = await open()
      const state = join(folder, 'state/sessions')
      for (const name of readdirSync(state)) {
        const session = JSON.parse(readFileSync(join(state, name), 'utf8'))
        writeFileSync(join(state, name), JSON.stringify({ ...session, endsAt: new Date(0).toISOString() }))
      }
      await go('/files/home/bob?at=latest')
      expect(page.url()).toBe(`${served.origin}/login?to=%2Ffiles%2Fhome%2Fbob%3Fat%3Dlatest`)
      expect(await barriers(page)).toEqual([])
      const link = (await served.hdsync('open')).trim()
      await page.goto(link)
      expect(await page.locator('nav').first().isVisible()).toBe(true)
      await page.goto(link)
      expect(await page.locator('h1').innerText()).toContain('This link was used')
    })

    test('by keyboard: to the content, and from link to link with a ring around it', async () => {
      const { page, go } = await open()
      await go('/')
      await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement.textContent')).toBe('To the content')
      for (let n = 0; n < 3; n++) await page.keyboard.press('Tab')
      const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
      expect(outline).toBe('solid')
    })

    test('a restore with its plan, the typed word, and undo', async () => {
      const { page, go, complaints } = await open()
      const file = join(folder, 'srv/home/bob/notes.md')
      const good = readFileSync(file, 'utf8')
      writeFileSync(file, 'spoiled\n')
      await go('/files/home/bob')
      await page.getByLabel('Choose notes.md').check()
      await page.getByRole('button', { name: 'Restore what is chosen' }).click()
      await page.getByLabel(/where it was/).check()
      await page.getByRole('button', { name: 'Show what would be done' }).click()
      expect(await page.locator('h1').innerText()).toContain('This would replace 1')
      await page.getByLabel(/to have it done/).fill('home')
      await page.getByRole('button', { name: 'Restore', exact: true }).click()
      // The view is drawn again by itself as it goes on.
      await page.getByRole('button', { name: /^Undo/ }).waitFor()
      expect(readFileSync(file, 'utf8')).not.toBe('spoiled\n')
      await page.getByRole('button', { name: /^Undo/ }).click()
      await page.locator('h1', { hasText: 'is brought back in' }).waitFor()
      expect(readFileSync(file, 'utf8')).toBe('spoiled\n')
      writeFileSync(file, good)
      expect(complaints).toEqual([])
    })

    test('a release, and the run that comes of it, drawn as it goes', async () => {
      const { page, go, complaints } = await open()
      const photos = join(folder, 'mirrors/home/ann/photos/2026-01')
      expect(existsSync(photos)).toBe(true)
      await go('/holds/home')
      await page.getByRole('button', { name: /^Release/ }).click()
      await page.locator('h1', { hasText: 'home is backed up' }).waitFor()
      expect(existsSync(photos)).toBe(false)
      await go('/')
      expect(await page.locator('h1').innerText()).toContain('All three sources are backed up')
      expect(complaints).toEqual([])
      expect(await served.hdsync('events', '--type', 'audit.act')).toContain('release')
    })

    test('logs out everywhere', async () => {
      const { page, go } = await open()
      const other = await open()
      await go('/sessions')
      await page.getByRole('button', { name: 'Log out everywhere' }).click()
      await other.go('/')
      expect(other.page.url()).toContain('/login')
    })
  },
)
