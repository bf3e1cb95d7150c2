import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../../../../runtime/config/load.ts'
import { pushedFile } from '../../../../../runtime/config/pushed/file.ts'
import { temporaryFolder } from '../../../temporary-folder.ts'
import { ownText, setOf } from './own.ts'

/** A host on which its hub has set `alert.after`. */
function makeHost(fleet = 'role: host, obeys: [config.set]') {
  const folder = temporaryFolder()
  const path = join(folder, 'hdsync.yaml')
  const state = join(folder, 'state')
  mkdirSync(state, { mode: 0o700 })
  const write = (part: string) =>
    writeFileSync(path, `${ownText}state: ${state}\nfleet: { servers: ['tls://hub1:4222'], ${part} }\n`, {
      mode: 0o600,
    })
  write(fleet)
  const file = join(state, pushedFile)
  const kept = { number: 3, at: '2026-11-29T12:00:00.000Z', set: setOf({ 'alert.after': '12h' }) }
  writeFileSync(file, JSON.stringify(kept), { mode: 0o600 })
  return { file, kept, write, load: () => loadConfig({ path, env: {} }) }
}

const hours = (n: number) => n * 3_600_000

test('what the hub has set is in force wherever the config is read, and says where it comes from', async () => {
  const { load } = makeHost()
  const { alert, pushed } = await load()
  expect(alert.after).toBe(hours(12))
  expect(pushed).toMatchObject({
    number: 3,
    isObeyed: true,
    values: [{ key: 'alert.after', pushed: '12h', own: '1d 12h', isInForce: true }],
    own: { alert: { after: hours(36) } },
  })
})

test('it is not in force at once where the host does not let the hub set anything', async () => {
  const { load, write } = makeHost()
  write('role: host, obeys: [backup.start]')
  const { alert, pushed } = await load()
  expect(alert.after).toBe(hours(36))
  expect(pushed).toMatchObject({ isObeyed: false, values: [{ isInForce: false }] })
  write('role: hub')
  expect((await load()).pushed).toBeUndefined()
})

test('a config of the host that is safer by now is in force', async () => {
  const { load, file, kept } = makeHost()
  writeFileSync(file, JSON.stringify({ ...kept, set: setOf({ keep: '30d', 'alert.after': '35h' }) }))
  const { keep, alert, pushed } = await load()
  expect([keep, alert.after]).toEqual([hours(24 * 90), hours(35)])
  expect(pushed?.values.map(({ isInForce }) => isInForce)).toEqual([false, true])
})

test.each([
  ['of no form', '{"number":'],
  ['with something else', JSON.stringify({ number: 1, at: '2026-11-29T12:00:00.000Z', set: [], notify: [] })],
])('a file %s changes nothing, and is told of', async (_, text) => {
  const { load, file } = makeHost()
  writeFileSync(file, text)
  const { alert, pushed, warnings } = await load()
  expect(alert.after).toBe(hours(36))
  expect(pushed).toBeUndefined()
  expect(warnings).toEqual([expect.stringContaining('is not what the hub has set')])
})

test('a file that somebody else can read or write changes nothing', async () => {
  const { load, file } = makeHost()
  chmodSync(file, 0o620)
  expect((await load()).alert.after).toBe(hours(36))
})
