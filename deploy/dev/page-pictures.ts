/**
 * `npm run page:pictures`: makes the pictures of the page that README has, of a server with a month of nights, in Debian's
 * Chromium. `-- --folder DIR` takes one that `npm run page:demo -- --folder DIR` has made.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { launch } from '../../test/browser/chromium.ts'
import { serve } from '../../test/browser/server.ts'

const { values } = parseArgs({ options: { folder: { type: 'string' } } })
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'hdsync-pictures-'))
const docs = join(import.meta.dirname, '../docs')

/** Each picture, by its file: a view, and as much of it as is shown. */
const pictures = [
  { file: 'state.png', path: '/', height: 560, colorScheme: 'light' },
  { file: 'files.png', path: '/files/mail/ann/inbox?at=7d', height: 560, colorScheme: 'dark' },
] as const

const served = await serve(folder, 30)
const browser = await launch()
try {
  for (const { file, path, height, colorScheme } of pictures) {
    const context = await browser.newContext({ viewport: { width: 1240, height }, colorScheme })
    const page = await context.newPage()
    await page.goto((await served.hdsync('open')).trim())
    await page.goto(served.origin + path)
    // As it would be read on a server of that name.
    await page.evaluate("document.querySelector('.brand span').textContent = 'web1'")
    await page.screenshot({ path: join(docs, file) })
    await context.close()
  }
} finally {
  await browser.close()
  await served.stop()
  if (values.folder === undefined && existsSync(folder)) rmSync(folder, { recursive: true, force: true })
}
