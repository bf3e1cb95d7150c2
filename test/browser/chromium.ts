import { accessSync, constants, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const program = '/usr/bin/chromium'

/** Whether there is a Chromium to test with, and if not, why. */
export function chromiumAvailable(): { ok: true } | { ok: false; why: string } {
  try {
    accessSync(program, constants.X_OK)
    return { ok: true }
  } catch {
    return { ok: false, why: `no ${program}: as root, apt-get install chromium` }
  }
}

/** Debian's Chromium, without a window. */
export function launch(): Promise<Browser> {
  // Its sandbox needs namespaces of a user of its own, which root in a container does not get.
  return chromium.launch({
    executablePath: program,
    timeout: 120_000,
    args: process.geteuid?.() === 0 ? ['--no-sandbox'] : [],
  })
}

/** What a browser has come across that it should not. */
export interface Watched {
  context: BrowserContext
  page: Page
  /** Errors in the console, and what was asked of other hosts. */
  complaints: string[]
}

/** A window of its own. @param origin Of the page: nothing is to be asked of another. */
export async function openWindow(
  browser: Browser,
  origin: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  // Half a minute is too little for a restore where other work goes on beside.
  context.setDefaultTimeout(120_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('request', (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:'))
      complaints.push(`asks ${request.url()}`)
  })
  return { context, page, complaints }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds wrong with a view. The page's own policy lets nobody add a script: the tools of the browser do. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    type Result = { violations: { id: string; help: string; nodes: { html: string }[] }[] }
    const { violations } = await (globalThis as unknown as { axe: { run(): Promise<Result> } }).axe.run()
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0]?.html.slice(0, 200)}`)
  })
}
