import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { givePublications } from '../../../../../../runtime/backup/fleet/commands/given.ts'
import { isPagePath } from '../../../../../../runtime/http/page-paths.ts'
import { commandIn, openBrowser } from '../browser.ts'
import { now, openHub } from './hub.ts'

/** The hosts of a table, in its order. */
function hostsIn(text: string): string[] {
  const [, table = ''] = /<table class="hosts.*?<tbody>(.*?)<\/table>/s.exec(text) ?? []
  return [...table.matchAll(/<th scope="row"><a href="\/fleet\/([\w-]+)"/g)].map(([, host = '']) => host)
}

/** Text as it is read, without what it is marked up by. */
const read = (text: string) =>
  text
    .replace(/<\/?(?:li|t[dhr]|p)\b[^>]*>/g, ' ')
    .replace(/<[^>]*>/g, '')
    .replace(/\s+/g, ' ')

test('every host is there, the worst first, with what is wrong with it, and how many are how', async () => {
  const browser = await openHub()
  const text = await browser.text('/fleet')
  expect(read(text)).toContain(
    '8 of 60 hosts need a look: 3 failing, 1 overdue, 1 silent, 1 held, 1 waiting and 1 with warnings.',
  )
  const hosts = hostsIn(text)
  expect(hosts).toHaveLength(61)
  expect(hosts.slice(0, 8)).toEqual(['file1', 'file11', 'file9', 'web8', 'mail6', 'db3', 'new1', 'build4'])
  expect(hosts.at(-1)).toBe('old1')
  expect(read(text)).toMatch(/61 in all ■ 3 failing ◐ 1 overdue □ 1 silent ◆ 1 held ○ 1 waiting/)
  expect(read(text)).toContain('srv: failed: target hdd1: /dev/sdb1 is not mounted at /mnt/hdd1')
  expect(read(text)).toContain('web1 backup.start 30 Nov 06:00 ○ waits for the host until 1 Dec 06:00')
  expect(commandIn(text)).toBe('hdsync fleet status')
})

test.each([
  ['?label=mail', /^1 of 11 hosts with the label mail needs a look/, 12, 'hdsync fleet status --label mail'],
  ['?state=failing', /^8 of 60 hosts/, 3, 'hdsync fleet status'],
  ['?find=web1', /^All 4 hosts that match web1 are good/, 4, 'hdsync fleet status'],
  ['?find=none-such', /^There is no host that matches none-such/, 0, 'hdsync fleet status'],
  ['?label=none%0Asuch', /^There is no host with the label none such/, 0, 'hdsync fleet status --label'],
] as const)('/fleet%s shows those alone', async (query, sentence, number, command) => {
  const browser = await openHub()
  const text = await browser.text(`/fleet${query}`)
  const [, title = ''] = /<h1[^>]*>(.*?)<\/h1>/s.exec(text) ?? []
  expect(read(title).trim()).toMatch(sentence)
  expect(hostsIn(text)).toHaveLength(number)
  expect(commandIn(text).startsWith(command)).toBe(true)
})

test('a host has its nights by source, each of them a view of its own, and what else has failed', async () => {
  const browser = await openHub()
  const failing = await browser.text('/fleet/file11')
  expect(read(failing)).toContain('file11 is failing: srv.')
  const nights = [...failing.matchAll(/<th scope="row"><a href="(\/fleet\/file11\/\w+)">/g)]
  expect(nights).toHaveLength(12)
  expect(failing).toMatch(
    /class="dot failed" href="\/fleet\/file11\/\w+" title="Mon 30 Nov: failed, [\d.]+ \w+ copied"/,
  )
  const night = await browser.text(nights[0]?.[1] ?? '')
  expect(read(night)).toContain('file11, Mon 30 Nov: home is backed up; srv failed.')
  expect(read(night)).toContain('/dev/sdb1 is not mounted')
  expect(read(await browser.text('/fleet/file9'))).toContain(
    'drill failed: 14 files of home are not as they were',
  )
  expect(read(await browser.text('/fleet/db3'))).toContain('hdsync fleet run db3 --release pg')
  expect(commandIn(failing)).toBe('hdsync fleet status file11')
})

test.each(['/fleet', '/fleet/file1', '/fleet/file1/file1r1'])(
  '%s: what hosts tell is text, whatever it is',
  async (path) => {
    const browser = await openHub()
    const text = await browser.text(path)
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt; \\x1b[2J\\u{202e}')
    expect(text).not.toMatch(/<script>|<b>label|[^\P{C}\n]/u)
  },
)

test.each(['/fleet/nobody', '/fleet/web1/nothing', '/fleet/..%2f..%2fhub', '/fleet/%00'])(
  'GET %s finds nothing',
  async (path) => {
    const browser = await openHub({ nights: 2 })
    expect((await browser.get(path)).status).toBe(404)
  },
)

test('a thousand hosts take no longer to load than a few: the rest is a click away', async () => {
  const browser = await openHub({ hosts: 1000, nights: 3 })
  const text = await browser.text('/fleet')
  const assets = await Promise.all(
    ['page.css', 'page.js', 'icon.svg'].map((name) => browser.text(`/assets/${name}`)),
  )
  expect(text.length + assets.join('').length).toBeLessThan(150_000)
  const seen = new Set<string>()
  let pages = 0
  for (let next: string | undefined = '/fleet'; next; pages += 1) {
    const part: string = await browser.text(next)
    for (const host of hostsIn(part)) seen.add(host)
    next = /class="more"><a href="(\/fleet\?[^"]*)"/.exec(part)?.[1]?.replaceAll('&amp;', '&')
  }
  expect([seen.size, pages]).toEqual([1001, 11])
})

test('without the role of a hub there is no fleet on the page', async () => {
  const browser = await openBrowser()
  expect(await browser.text('/')).not.toContain('/fleet')
  expect((await browser.get('/fleet')).status).toBe(404)
  expect(await (await openHub({ nights: 1 })).text('/')).toContain('<a href="/fleet">the fleet</a>')
})

test('what a page of another site sends below /fleet is refused, and not taken for the page’s', async () => {
  for (const path of ['/fleet', '/fleet/commands', '/fleet/cancel']) {
    expect([isPagePath(path), isPagePath(path, 'POST')]).toEqual([true, false])
    const browser = await openHub({ nights: 1, trusted: true })
    const answer = await browser.post(
      path,
      {},
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    )
    expect([path, answer.status]).toEqual([path, 403])
  }
})

test('who waits for a slot of a backup server, who has one, and what is paused', async () => {
  const place = (host: string, state: 'waits' | 'granted' | 'alone') => ({
    server: 'vault1',
    host,
    state,
    since: now - 60_000,
  })
  const places = [place('web1', 'granted'), place('web2', 'waits'), place('db1', 'alone')]
  const paused = [{ of: 'label' as const, name: '<b>web', since: '2026-11-30T06:00:00.000Z' }]
  const slots = () => ({ servers: [{ server: 'vault1', atMost: 8 }], places, isNew: false, paused })
  const browser = await openHub({ nights: 4, slots })
  const text = await browser.text('/fleet')
  expect(read(text)).toContain('vault1: 1 of 8 slots are taken, 1 without one; 1 waiting.')
  expect(text).toContain('The label &lt;b&gt;web is paused</span>')
  expect(read(text)).toContain('web2 ● good waits for a slot of vault1')
  expect(read(await browser.text('/fleet/db1'))).toContain(
    'at work on vault1, without a slot, since 30 Nov 06:59',
  )
  expect(read(await browser.text('/fleet/db2'))).not.toContain('vault1')
})

test('what the hub has set in the config of a host', async () => {
  const browser = await openHub({ nights: 2 })
  const { engine } = browser.options
  const { privateKey: key } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const request = { number: 1, set: [{ key: 'alert.after', value: '24h' }] }
  const wishes = [{ host: 'web1', type: 'config.set', request }]
  const { registry } = engine
  engine.fleet.publishWith(
    () => givePublications(wishes, { key, registry, forMs: 3_600_000, now }).publications,
  )
  expect(read(await browser.text('/fleet/web1'))).toContain('Set in its config from here alert.after: 24h')
  expect(read(await browser.text('/fleet/web2'))).not.toContain('Set in its config')
})

test('another hub that is gone', async () => {
  const browser = await openHub({ nights: 2 })
  const { inbox } = browser.options.engine.fleet
  const heardAt = '2026-11-30T06:00:00.000Z'
  const role = { isActive: true, active: 'hub1', since: heardAt }
  const gone = async (isGone: boolean) => {
    inbox.role = { ...role, others: [{ hub: 'hub2', heardAt, isGone }] }
    return read(await browser.text('/fleet'))
  }
  expect(await gone(false)).not.toContain('hub2')
  expect(await gone(true)).toMatch(
    /◐ nothing is heard of the hub hub2 since 2026-11-30 \d\d:\d\d\. On hub2: systemctl status hdsync/,
  )
})
