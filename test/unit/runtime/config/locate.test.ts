import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { locateStore } from '../../../../runtime/config/locate.ts'
import { storeConfigIn } from '../../../../runtime/config/loose-store.ts'
import { temporaryFolder } from '../../temporary-folder.ts'

const good = 'sources: { var: { path: /var, target: t } }\ntargets: { t: { path: /mnt/t } }\n'

function written(text: string, mode = 0o600): string {
  const path = join(temporaryFolder(), 'hdsync.yaml')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

describe('locateStore()', () => {
  test('of a good config is the config', async () => {
    const { config, problem, basis } = await locateStore({ path: written(good), env: {} })
    expect(config).toMatchObject({ state: '/var/lib/hdsync', sources: { var: { name: 'var' } } })
    expect([problem, basis]).toEqual([undefined, undefined])
  })

  test('of one that is wrong has what it says of its store, and what is wrong', async () => {
    const { config, problem } = await locateStore({
      path: written(`${good}state: /srv/s\nodd: 1\n`),
      env: {},
    })
    expect(config).toEqual({ state: '/srv/s', functions: '/etc/hdsync/functions', sources: { var: {} } })
    expect(problem?.message).toContain('odd')
  })

  test('takes nothing from one that others could have written', async () => {
    const path = written(`${good}state: /srv/s\nodd: 1\n`, 0o666)
    await expect(locateStore({ path, env: {}, uid: 0 })).rejects.toMatchObject({ name: 'ConfigError' })
  })

  test('does not take the store of another config for that of one that is gone', async () => {
    const path = join(temporaryFolder(), 'gone.yaml')
    await expect(locateStore({ path, env: {} })).rejects.toMatchObject({ name: 'ConfigError' })
  })
})

describe('locateStore() of a config that was good', () => {
  const store = { state: '/var/lib/hdsync', sources: { var: {} } }

  /** A config that a command has read. */
  async function readOnce() {
    const path = written(good)
    const options = { path, env: { NODE_COMPILE_CACHE: temporaryFolder() } }
    await locateStore(options)
    return options
  }

  test('does not check it again until it is changed', async () => {
    const options = await readOnce()
    expect(await locateStore(options)).toEqual({ config: expect.objectContaining(store) })
    writeFileSync(options.path, `${good}odd: 1\n`)
    const { config, problem, basis } = await locateStore(options)
    expect(config).toMatchObject(store)
    expect([problem?.message, basis]).toEqual([
      expect.stringContaining('odd'),
      'as it was when it was last good',
    ])
  })

  test('finds the store when the config is gone', async () => {
    const options = await readOnce()
    rmSync(options.path)
    expect(await locateStore(options)).toMatchObject({
      config: store,
      basis: 'as it was when it was last good',
      problem: { name: 'ConfigError' },
    })
  })
})

describe('storeConfigIn()', () => {
  test.each([
    [
      'a wrong source',
      'sources: { var: 1, Bad/name: {} }',
      { state: '/var/lib/hdsync', sources: { var: {} } },
    ],
    ['a syntax error after the state', 'state: /srv/s\nsources: [}', { state: '/srv/s' }],
    ['a key twice', 'state: /srv/s\nkeep: 1d\nkeep: 2d', { state: '/srv/s' }],
    ['a wrong port', 'http: { listen: x, socket: /run/h.sock }', { http: { socket: '/run/h.sock' } }],
    ['a wrong socket', 'state: /srv/s\nhttp: { socket: h.sock }', { state: '/srv/s' }],
  ])('with %s finds what is well-formed', (_, text, found) => {
    expect(storeConfigIn(text)).toMatchObject(found)
  })

  test.each([
    ['nothing', ''],
    ['no map', '- a\n- b\n'],
    ['a state that is none', 'state: s\nsources: {}'],
    ['a syntax error, and no state', 'sources: { var: [ }\n'],
  ])('of a text with %s is certain of nothing', (_, text) => {
    expect(storeConfigIn(text)).toBeUndefined()
  })
})
