import { expect, test } from 'vitest'
import { type Checked, noteChecked } from '../../../../../../runtime/backup/status/checked.ts'
import { isBeingChecked, toldOf } from '../../../../../../runtime/http/page/state/checked.ts'
import { openBrowser } from '../browser.ts'

const finding = {
  id: 'timer.none',
  severity: 'warning',
  about: 'schedule',
  finding: 'nothing starts a run',
  remedy: null,
} as const

test('State has what the last check found, errors first, each with its remedy, and the command', async () => {
  const browser = await openBrowser()
  expect(await browser.text('/')).not.toContain('hdsync check')
  const error = { ...finding, severity: 'error', finding: 'no zstd', remedy: 'apt-get install zstd' }
  noteChecked(browser.options.config, [finding, error], browser.clock.now() - 720_000)
  const text = await browser.text('/')
  expect(text).toMatch(/<code data-copy>hdsync check<\/code> found this <time[^>]*>12 minutes ago<\/time>\./)
  expect(text.indexOf('no zstd')).toBeLessThan(text.indexOf('nothing starts'))
  expect(text).toContain('→ apt-get install zstd')
  expect(text).not.toContain('data-again')
  noteChecked(browser.options.config, [], browser.clock.now())
  expect(await browser.text('/')).toContain('found nothing else wrong')
})

test('of a great many findings the first are shown, and how many more there are', async () => {
  const browser = await openBrowser()
  const many = Array.from({ length: 1234 }, (_, n) => ({ ...finding, about: `source s${n}` }))
  noteChecked(browser.options.config, many, browser.clock.now())
  const text = await browser.text('/')
  expect(text.match(/<dt>/g)).toHaveLength(20)
  expect(text).toContain('And 1,214 more')
})

test('what the sources tell as it is now is not told once more', () => {
  const findings = [{ ...finding, id: 'source.held' }, { ...finding, id: 'source.overdue' }, finding]
  expect(toldOf({ findings })).toEqual([finding])
})

test('a finding that quotes names of others is text, whatever is in it', async () => {
  const browser = await openBrowser()
  const hostile = '</dd><script>alert(1)</script>"\u001b]0;x\u202e'
  noteChecked(
    browser.options.config,
    [{ ...finding, about: hostile, finding: hostile, remedy: hostile }],
    browser.clock.now(),
  )
  const text = await browser.text('/')
  expect(text).not.toContain('<script>alert')
  expect(text).not.toContain('\u001b')
  expect(text).not.toContain('\u202e')
  expect(text.match(/&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;\\x1b]0;x\\u\{202e\}/g)).toHaveLength(3)
})

test('a check is asked for with the end of the last run, and none beside a run', () => {
  const asked: number[] = []
  const checks = {
    last: (): Checked | undefined => undefined,
    again: (since: number) => asked.push(since) > 0,
    problem: undefined,
  }
  const page = (end?: string) =>
    ({
      checks,
      engine: { journal: { runs: () => (end === undefined ? [] : [{ end: { time: end } }]) } },
    }) as never
  expect(isBeingChecked({ run: 'r1' }, page())).toBe(false)
  expect(isBeingChecked({ run: null }, page())).toBe(true)
  expect(isBeingChecked({ run: null }, page('2026-11-24T02:00:00.000Z'))).toBe(true)
  expect(asked).toEqual([0, Date.parse('2026-11-24T02:00:00.000Z')])
})
