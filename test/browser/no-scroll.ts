import type { Page } from 'playwright-core'
import { expect } from 'vitest'

/** Nothing is wider than the window. */
export async function expectNoScroll(page: Page, path: string): Promise<void> {
  const widths = await page.evaluate('[innerWidth, document.documentElement.scrollWidth]')
  const [window, content] = widths as [number, number]
  expect([path, content]).toEqual([path, window])
}
