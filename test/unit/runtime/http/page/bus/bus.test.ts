import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { structured } from '../../service.ts'
import { commandIn, openBrowser, wordsOf } from '../browser.ts'

const script = '</pre><script>alert(1)</script>'

test('functions are shown with what waits for them, those that do not load with why', async () => {
  const browser = await openBrowser()
  await browser.start({})
  writeFileSync(join(browser.folder, 'functions/broken.ts'), `throw new Error(${JSON.stringify(script)})\n`, {
    mode: 0o600,
  })
  const text = await browser.text('/bus')
  expect(text).toContain('backup.start')
  expect(text).toContain('hdsync functions')
  expect(text).not.toContain('<script>alert')
})

test('events are shown by type, source and run, and nothing in them is obeyed', async () => {
  const browser = await openBrowser()
  await browser.request(
    '/events',
    structured({ id: script, subject: script, type: 'unit.failed', data: { unit: script } }),
  )
  await browser.start({}, 'a2')
  const all = await browser.text('/bus/events')
  expect(all).toContain('backup.start')
  expect(all).toContain('&lt;script&gt;alert(1)')
  expect(all).not.toContain('<script>alert')
  const some = await browser.text('/bus/events?type=unit.*')
  expect(some).not.toContain('<th scope="row" data-head="Type">backup.start')
  expect(some).toContain(`hdsync events --type &#39;unit.*&#39;`)
  expect(await browser.text('/bus/events?type=nothing.*')).toContain('No such event is on record.')
  const hostile = await browser.text(`/bus/events?source=${encodeURIComponent(`"${script}`)}&follow`)
  expect(hostile).not.toContain('<script>alert')
  expect(hostile).toContain('data-live="/bus/stream"')
})

test('the command that shows the same events is one that a shell takes as it is meant', async () => {
  const browser = await openBrowser()
  const [type, source, run] = ["unit.* --config=/x $(id)'", "var; touch 'x'", 'last`id`']
  const text = await browser.text(`/bus/events?${new URLSearchParams({ type, source, run, follow: '' })}`)
  expect(wordsOf(commandIn(text))).toEqual([
    ...['hdsync', 'events', '--type', 'unit.*', '--type', '--config=/x', '--type', "$(id)'"],
    ...['--source', source, '--run', run, '--follow'],
  ])
})

test('a stream says that something has come, once for a burst, and ends with hdsync', async () => {
  const closing = new AbortController()
  const browser = await openBrowser({ closing: closing.signal })
  const answer = await browser.get('/bus/stream')
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  const next = async () => new TextDecoder().decode((await reader.read()).value)
  expect(await next()).toBe('retry: 2000\n\n')
  for (const id of ['b1', 'b2', 'b3']) await browser.start({ sources: ['home'] }, id)
  await browser.clock.advance(500)
  expect(await next()).toBe('event: event\ndata: {}\n\n')
  await browser.clock.advance(15_000)
  expect(await next()).toBe(': still here\n\n')
  closing.abort()
  expect((await reader.read()).done).toBe(true)
})

test('what was given up is redriven, by a session that may', async () => {
  for (const right of ['act', 'read'] as const) {
    const browser = await openBrowser({ right })
    const letter = {
      id: 7,
      function: 'notify.exec',
      event: { type: 'run.failed', subject: script },
      tries: 3,
      diedAt: 0,
      error: script,
    }
    browser.engine.journal.dead = () => [letter] as never
    const text = await browser.text('/bus')
    expect(text).toContain('One delivery was given up after all attempts.')
    expect(text).not.toContain('<script>alert')
    expect(text.includes('/bus/dead/7/redrive')).toBe(right === 'act')
    browser.engine.redrive = async () => ({ runId: '', restarted: false }) as never
    expect((await browser.post('/bus/dead/7/redrive')).status).toBe(right === 'act' ? 303 : 403)
  }
})

test('a session that only looks changes nothing, whatever it sends', async () => {
  const browser = await openBrowser({ right: 'read', running: false })
  const before = browser.engine.bus.events({}).length
  const page = [
    '/nights/x/cancel',
    '/holds/home/release',
    '/holds/home/dismiss',
    '/bring-back',
    '/bring-back/x/undo',
    '/bus/dead/1/redrive',
    '/sessions/abcd/end',
  ]
  for (const path of page)
    expect([path, (await browser.post(path, { source: 'home', at: 'home@latest' })).status]).toEqual([
      path,
      403,
    ])
  const { formToken } = browser.context.sessions.find(browser.cookie?.split('=')[1] ?? '') ?? {}
  for (const path of [
    '/events',
    '/runs/x/cancel',
    '/dead/1/redrive',
    '/held/home/release',
    '/held/home/dismiss',
    '/restores',
  ]) {
    const answer = await browser.post(path, {}, { 'x-hdsync-form': formToken ?? '' })
    expect([path, answer.status]).toEqual([path, 403])
  }
  expect(browser.engine.bus.events({}).length).toBe(before)
})
