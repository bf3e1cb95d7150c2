import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { takePushed } from '../../../../../../runtime/backup/fleet/commands/take-pushed.ts'
import { loadConfig } from '../../../../../../runtime/config/load.ts'
import { pushedFile } from '../../../../../../runtime/config/pushed/file.ts'
import { temporaryFolder } from '../../../../temporary-folder.ts'
import { ownText, setOf } from '../../../config/pushed/own.ts'

function makeHost() {
  const folder = temporaryFolder()
  const path = join(folder, 'hdsync.yaml')
  const state = join(folder, 'state')
  mkdirSync(state, { mode: 0o700 })
  const fleet = "fleet: { role: host, servers: ['tls://hub1:4222'], obeys: [config.set] }"
  writeFileSync(path, `${ownText}state: ${state}\n${fleet}\n`, { mode: 0o600 })
  const file = join(state, pushedFile)
  const config = () => loadConfig({ path, env: {} })
  return {
    file,
    config,
    take: async (number: number, keys: Record<string, string>, more = {}) =>
      takePushed({ number, set: setOf(keys), ...more }, await config(), Date.now()),
    text: () => (existsSync(file) ? readFileSync(file, 'utf8') : ''),
  }
}

test('takePushed() keeps what the hub sets for this user alone, and takes the same twice', async () => {
  const { take, config, file, text } = makeHost()
  expect(await take(5, { 'alert.after': '12h' })).toBe(true)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const kept = text()
  expect(await take(5, { 'alert.after': '12h' })).toBe(false)
  expect(text()).toBe(kept)
  expect((await config()).alert.after).toBe(12 * 3_600_000)
})

test('takePushed() says that nothing else is set where it is the same under another number, which it keeps', async () => {
  const { take, text } = makeHost()
  await take(5, { 'alert.after': '12h', maxDelete: '5%' })
  expect(await take(6, { maxDelete: '5%', 'alert.after': '12h' })).toBe(false)
  expect(JSON.parse(text())).toMatchObject({ number: 6 })
  await expect(take(5, { 'alert.after': '12h', maxDelete: '5%' })).rejects.toThrow('came after it')
  expect(await take(7, { maxDelete: '5%' })).toBe(true)
  expect(await take(8, { maxDelete: '4%' })).toBe(true)
  expect(await take(9, {})).toBe(true)
  expect(await take(10, {})).toBe(false)
})

test('takePushed() sets all anew each time, and what is set no more is as the host says', async () => {
  const { take, config } = makeHost()
  await take(1, { 'alert.after': '12h', keep: '100d' })
  // Less safe than what was set before, not than what the host says.
  await take(2, { 'alert.after': '24h' })
  const { alert, keep } = await config()
  expect([alert.after, keep]).toEqual([24 * 3_600_000, 90 * 86_400_000])
  await take(3, {})
  expect((await config()).alert.after).toBe(36 * 3_600_000)
})

test.each([
  ['one that came before', 4, { 'alert.after': '1h' }, /came after it/],
  ['another one of the same number', 5, { 'alert.after': '1h' }, /came after it/],
  ['what is less safe', 6, { 'alert.after': '12h', keep: '1d' }, /keep: 1d is less than 90d/],
  ['a hook', 6, { 'notify.0.exec': '/bin/sh' }, /cannot be set from a hub/],
  ['a prototype', 6, { 'sources.__proto__.maxDelete': '1%' }, /cannot be set from a hub|no source/],
  ['a number that is none', 0, {}, /nothing that a hub can set/],
])('takePushed() refuses %s in words, and nothing changes', async (_, number, keys, reason) => {
  const { take, text } = makeHost()
  await take(5, { 'alert.after': '12h' })
  const kept = text()
  await expect(take(number, keys)).rejects.toMatchObject({
    name: 'UsageError',
    message: expect.stringMatching(reason),
  })
  expect(text()).toBe(kept)
})

test('takePushed() refuses what is huge in a few words', async () => {
  const { take, text } = makeHost()
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`targets.t${n}.path`, '/']))
  await expect(take(1, many)).rejects.toMatchObject({ message: expect.stringMatching(/; 290 more$/) })
  const more = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, '/']))
  await expect(take(1, more)).rejects.toMatchObject({ message: 'it sets nothing that a hub can set' })
  await expect(take(1, {}, { functions: '/tmp' })).rejects.toMatchObject({ name: 'UsageError' })
  expect(text()).toBe('')
})
