import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeFleetStore } from '../../deploy/dev/fleet-store.ts'
import { chromiumAvailable, launch, openWindow } from './chromium.ts'
import { type Served, serve } from './server.ts'
import { expectSoundScreen } from './sound-screen.ts'

const available = chromiumAvailable()

describe.skipIf(!available.ok)(
  `the page of a hub in a Chromium${available.ok ? '' : ` (skipped: ${available.why})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'hdsync-browser-'))
    let browser: Browser
    let served: Served

    beforeAll(async () => {
      served = await serve(folder, (empty, port) =>
        makeFleetStore({ folder: empty, hosts: 300, nights: 40, port }),
      )
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

    test.each([
      ['light', { colorScheme: 'light' }],
      ['dark, on a phone', { colorScheme: 'dark', viewport: { width: 360, height: 780 } }],
    ] as const)(
      'every screen of the fleet, %s: no barrier, no error, no more than it needs',
      async (_, options) => {
        const { page, complaints, go } = await open(options)
        const screens = [
          ...['/', '/fleet', '/fleet?state=good&from=200', '/fleet?label=web', '/fleet?find=none-such'],
          ...['/fleet/file1', '/fleet/file1/file1r1', '/fleet/db3', '/fleet/new1', '/fleet/web1'],
        ]
        for (const path of screens) await expectSoundScreen(page, go, { path, maxBytes: 110_000 })
        expect(complaints).toEqual([])
      },
    )

    test('leads without JavaScript from how many are failing to why one is, and back', async () => {
      const { page, go } = await open({ javaScriptEnabled: false })
      await go('/')
      await page.getByRole('link', { name: 'Fleet', exact: true }).click()
      const all = await page.locator('.totals li').first().innerText()
      await page.locator('.totals').getByRole('link', { name: 'failing' }).click()
      expect(await page.locator('.hosts tbody tr:not(.why)').count()).toBe(12)
      await page.getByRole('link', { name: 'file11', exact: true }).click()
      expect(await page.locator('h1').innerText()).toBe('file11 is failing: srv.')
      await page.locator('.dots a.failed').last().click()
      expect(await page.locator('tbody').innerText()).toContain('/dev/sdb1 is not mounted at /mnt/hdd1')
      await page.getByRole('link', { name: 'Fleet', exact: true }).click()
      await page.getByRole('searchbox', { name: 'Find a host' }).fill('web1')
      await page.keyboard.press('Enter')
      await page.waitForURL(/find=web1/)
      expect(await page.locator('h1').innerText()).toContain('that match web1')
      expect(all).toBe('301 in all')
    })
  },
)
