import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { barriers } from './chromium.ts'

/**
 * Goes to a screen: it is there, no larger than so many bytes, without barriers, and nothing of it is wider than the window, also where that is
 * between a phone's and a desktop's.
 * @param go Loads a path of the page.
 */
export async function expectSoundScreen(
  page: Page,
  go: (path: string) => ReturnType<Page['goto']>,
  { path, maxBytes }: { path: string; maxBytes: number },
): Promise<void> {
  const answer = await go(path)
  expect([path, answer?.status()]).toEqual([path, 200])
  expect((await answer?.body())?.length ?? 0).toBeLessThan(maxBytes)
  expect([path, await barriers(page)]).toEqual([path, []])
  await expectNoScroll(page, path)
  // What looks for barriers takes most of the time: in between, only the width is looked at.
  const own = page.viewportSize()
  await page.setViewportSize({ width: 800, height: 900 })
  await expectNoScroll(page, path)
  if (own) await page.setViewportSize(own)
}

/** Nothing is wider than the window. */
async function expectNoScroll(page: Page, path: string): Promise<void> {
  const widths = await page.evaluate('[innerWidth, document.documentElement.scrollWidth]')
  const [window, content] = widths as [number, number]
  expect([path, content]).toEqual([path, window])
}
