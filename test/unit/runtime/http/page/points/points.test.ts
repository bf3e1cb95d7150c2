import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { night } from '../../../../../../deploy/dev/month.ts'
import { copyStart } from '../../../../../../events/index.ts'
import { openEngine } from '../../../../../../runtime/backup/open-engine.ts'
import { loadConfig } from '../../../../../../runtime/config/load.ts'
import { type Clock, systemClock } from '../../../../../../runtime/core/clock.ts'
import { writeMarker } from '../../../../../../runtime/host/target/marker.ts'
import { createApp } from '../../../../../../runtime/http/app.ts'
import { createContext } from '../../../../../../runtime/http/context.ts'
import { dayText } from '../../../../../../runtime/http/page/look/words.ts'
import { cookieName } from '../../../../../../runtime/http/session/cookie.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'

const dayMs = 86_400_000
const now = Date.now()

/** @param nights So many days ago each. @param isChanging Whether the source is another each night. */
async function makeServer(nights = [8, 7, 1], isChanging = true): Promise<string> {
  const folder = temporaryFolder()
  for (const name of ['srv', 'mirrors', 'archives', 'usb']) mkdirSync(join(folder, name), { mode: 0o700 })
  for (const name of ['mirrors', 'archives', 'usb']) await writeMarker(join(folder, name), name, 0)
  const config = join(folder, 'hdsync.yaml')
  const text = `sources: { mail: { path: ${folder}/srv, target: mirrors } }
targets: { mirrors: { path: ${folder}/mirrors }, archives: { path: ${folder}/archives }, usb: { path: ${folder}/usb } }
archive: { target: archives }
copies: { disk2: { target: usb } }
state: ${folder}/state
functions: ${folder}/functions
`
  writeFileSync(config, text, { mode: 0o600 })
  for (const days of nights) {
    if (isChanging || days === nights[0])
      writeFileSync(join(folder, 'srv/letter'), `${days} days ago\n`.repeat(days))
    await night(config, now - days * dayMs)
  }
  return config
}

async function open(path: string) {
  const config = await loadConfig({ path, env: {} })
  const clock: Clock = { ...systemClock, now: () => now }
  const engine = await openEngine({ config, clock })
  if (!engine) throw new Error('another hdsync is at work')
  await engine.start()
  onTestFinished(() => engine.stop())
  const options = { engine, config, version: '9.9.9', clock }
  const context = createContext(options)
  const app = createApp(options, context)
  const { secret } = context.sessions.begin({ right: 'act', how: 'code', from: 'socket' })
  const headers = { host: 'localhost', cookie: `${cookieName(config.state)}=${secret}` }
  return { engine, text: async (path: string) => (await app.request(path, { headers })).text() }
}

/** The text of a view, a line a row. */
function plain(html: string): string {
  return html
    .replace(/<(td|th)\b[^>]*>/g, ' ')
    .replace(/<[^>]*>/g, '')
    .replace(/ +/g, ' ')
}

test('the points show what the next night takes, what is gone, and what another place has', async () => {
  const config = await makeServer()
  const server = await open(config)
  const before = await server.text('/points')
  expect(plain(before)).toMatch(
    new RegExp(`The next night takes that of ${dayText(now - 7 * dayMs)} \\(\\d+ B\\)\\.`),
  )
  expect(plain(before).match(/replaced by the next night/g)).toHaveLength(1)
  expect(before).toContain(`title="${dayText(now - 8 * dayMs)}: a newer one took its place">·`)
  expect(plain(before)).toContain('It has never had everything; 2 archives to be copied.')
  expect(plain(before)).toContain('hdsync copy disk2')
  expect(before).not.toContain('copy disk2</small>')

  await server.engine.ended(await server.engine.trigger(copyStart, { copies: ['disk2'] }))
  const after = await server.text('/points')
  expect(after).toContain('mail <small>copy disk2</small>')
  expect(plain(after)).toContain('It had everything just now; nothing waits to be copied.')
})

test('the points show what is linked to the one before, and what is missing', async () => {
  const config = await makeServer([3, 2, 1], false)
  const server = await open(config)
  const text = await server.text('/points')
  const marks = () => text.match(/aria-label="mail, [^"]*: read back and good, linked to the one before">◍/g)
  expect(marks()).toHaveLength(2)

  const weekday = new Date(now - 2 * dayMs).toLocaleDateString('en', { weekday: 'long' })
  rmSync(join(dirname(config), 'archives', weekday, 'mail.tar.zst'))
  const after = await server.text('/points')
  expect(after).toContain('one is missing.')
  expect(after).toMatch(/<span class="failed" title="mail, [^"]*: missing" role="img" [^>]*>□/)
  expect(plain(after)).toContain('□ One archive is on record, but not on the disk')
  expect(plain(after)).toContain('hdsync verify mail')
})
