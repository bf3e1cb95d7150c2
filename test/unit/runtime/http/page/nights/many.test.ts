import { expect, test } from 'vitest'
import { openBrowser } from '../browser.ts'

const time = '2026-01-01T02:15:00.000Z'
const names = Array.from({ length: 40 }, (_, n) => `s${n}`)

function eventOf(source: string, n: number) {
  const event = {
    ...{ specversion: '1.0', id: `e${n}`, source: '/t', type: 'sync.run', subject: source, time, attempt: 1 },
    ...{ datacontenttype: 'application/json', data: { source } },
  }
  const attempts = [{ number: 1, startedAt: Date.parse(time), endedAt: Date.parse(time) + 9, error: null }]
  return {
    event,
    deliveries: [{ id: n, function: 'sync.run', state: 'done', attempts, commands: [], log: [] }],
  }
}

test('a night of many sources shows the steps of those that need somebody, and of each by itself', async () => {
  const browser = await openBrowser()
  const { journal } = browser.engine
  const counts = { mountTrials: 0, snapshotUsedPercent: null, filesTransferred: 1, bytesTransferred: 1 }
  const sources = names.map((source) => ({
    ...{ source, state: source === 's7' ? 'failed' : 'succeeded', ...counts, filesDeleted: 0 },
    ...{ archive: null, error: source === 's7' ? 'no <room>' : null },
  }))
  const data = { run: 'abc', state: 'failed', startedAt: time, endedAt: time, sources }
  const end = { type: 'run.failed', time, data }
  journal.run = () => ({ id: 'abc', kind: 'backup', startedAt: Date.parse(time), end }) as never
  journal.story = () => ({ events: names.map(eventOf) }) as never
  const all = await browser.text('/nights/abc')
  expect(all.match(/id="step-\d+"/g)).toEqual(['id="step-7"'])
  expect(all).toContain('<a href="/nights/abc?source=s39">s39</a>')
  expect(all).toContain('no &lt;room&gt;')
  const one = await browser.text('/nights/abc?source=s39')
  expect(one.match(/id="step-\d+"/g)).toEqual(['id="step-39"'])
  expect(one).toContain('All sources of this run')
})
